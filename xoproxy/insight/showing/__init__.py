"""The effective policy of every route: composed and expanded, with the place of each part, and what goes out because of it.

`shown` makes values of a loaded configuration, `text` what people read of them, `document` JSON.
"""

from xoproxy.insight.showing.document import as_json, route_as_json
from xoproxy.insight.showing.shown import Shown, show, shown_routes, shown_unmatched
from xoproxy.insight.showing.text import as_text

__all__ = ["Shown", "as_json", "as_text", "route_as_json", "show", "shown_routes", "shown_unmatched"]
