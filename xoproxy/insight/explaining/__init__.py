"""Why is it blocked?  A question goes in, an explanation comes out: verdict, reasons, and the change that would turn it.

A *question* is who wants what, in which browsers.  An *answerer* answers what they send: the proxy by its policy file, or a
server as it is.  An *opinion* is what one browser concludes; a *remedy* is a change of the file that was tried and turns it.
"""

from xoproxy.insight.explaining.explain import explain, explain_server
from xoproxy.insight.explaining.explanation import Explanation, Opinion, Remedy
from xoproxy.insight.explaining.question import Asked, Question, QuestionError, read_question

__all__ = [
    "Asked",
    "Explanation",
    "Opinion",
    "Question",
    "QuestionError",
    "Remedy",
    "explain",
    "explain_server",
    "read_question",
]
