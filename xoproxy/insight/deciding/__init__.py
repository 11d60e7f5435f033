"""From reports to a decision: is what is observed safe to enforce, and if not, what stands in the way and what mends it?

What browsers reported, and how many pages they loaded meanwhile, goes in with the configuration; an outlook comes out.
"""

from xoproxy.insight.deciding.as_json import as_json
from xoproxy.insight.deciding.as_text import as_text
from xoproxy.insight.deciding.decide import decide
from xoproxy.insight.deciding.keys import route_key
from xoproxy.insight.deciding.outlook import Outlook, Verdict
from xoproxy.insight.deciding.words import doubt_of

__all__ = ["Outlook", "Verdict", "as_json", "as_text", "decide", "doubt_of", "route_key"]
