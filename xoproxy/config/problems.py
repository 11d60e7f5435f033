"""What can be wrong with a configuration, and how one problem is told.

Rule 1: every problem has a stable identifier; `Id` is their only register.  Numbers are never used again for something else.
Rule 2: a message is lower case, quotes the value that is meant, and says what to write instead where that is known.
Rule 3: XO0xx are about the file and its YAML, XO1xx about policies, XO2xx about the rest; XO3xx are warnings, the rest errors.
    XO4xx are about files of policy tests.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from xoproxy.slotted import dataclass

MAX_PROBLEMS: Final = 200  # each may cost a search for similar words


class Severity(Enum):
    """Whether a configuration with this problem may take effect."""

    ERROR = "error"
    WARNING = "warning"


class Reason(Enum):
    """What kind of fault it is.  *Forbidden* is by a standard, *prohibited* by our validation."""

    MISSING = "missing"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_NAME = "unknown_name"
    INVALID = "invalid"
    PROHIBITED = "prohibited"
    FORBIDDEN = "forbidden"
    INCOMPATIBLE = "incompatible"
    DUPLICATE = "duplicate"
    DOUBTFUL = "doubtful"  # warnings only: lawful, and most likely not what is meant


class Id(Enum):
    """Every identifier, with its kind of fault and its meaning in one line."""

    def __init__(self, code: str, reason: Reason, meaning: str) -> None:
        self.code = code
        self.reason = reason
        self.meaning = meaning

    UNREADABLE = ("XO001", Reason.INVALID, "the file cannot be read")
    NOT_TEXT = ("XO002", Reason.INVALID, "the file is not UTF-8 text")
    TOO_LARGE = ("XO003", Reason.PROHIBITED, "the file is larger than a policy file can be")
    EMPTY_FILE = ("XO004", Reason.MISSING, "the file holds no configuration")
    NOT_YAML = ("XO005", Reason.INVALID, "the text is not YAML")
    TOO_DEEP = ("XO006", Reason.PROHIBITED, "lists and mappings are nested too deep")
    ALIAS = ("XO007", Reason.PROHIBITED, "an alias names nothing, itself, or too much")
    SEVERAL_DOCUMENTS = ("XO008", Reason.INVALID, "the file holds more than one YAML document")
    DUPLICATE_KEY = ("XO009", Reason.DUPLICATE, "a key stands twice in one mapping")
    YAML_FEATURE = ("XO010", Reason.PROHIBITED, "merge keys, tags and keys that are not plain text are not used here")
    WRONG_KIND = ("XO011", Reason.INVALID, "a list, a mapping or one value stands where another of these is wanted")
    EMPTY_VALUE = ("XO012", Reason.MISSING, "a key has no value")
    UNKNOWN_KEY = ("XO013", Reason.UNKNOWN_KEY, "the key is not known here")
    MISSING_KEY = ("XO014", Reason.MISSING, "a key that is needed is absent")
    ENVIRONMENT = ("XO015", Reason.INVALID, "a ${NAME} cannot be filled in from the environment")
    VERSION = ("XO016", Reason.INVALID, "the version of the file's format is not known")
    CONTROL_CHARACTERS = ("XO017", Reason.INVALID, "a value holds control characters")
    TOO_MANY = ("XO018", Reason.INVALID, "the file has so many problems that the rest is not looked for")
    CONFLICT = ("XO019", Reason.DUPLICATE, "two files say different things about the same")
    EMPTY_DIRECTORY = ("XO020", Reason.MISSING, "the directory holds no policy file")

    NOT_A_CHOICE = ("XO101", Reason.INVALID, "the value is none of the key's values")
    OTHER_KEY = ("XO102", Reason.INVALID, "the value belongs to another key")
    NOT_AN_ORIGIN = ("XO103", Reason.INVALID, "the value is not a serialized origin")
    NULL_ORIGIN = ("XO104", Reason.PROHIBITED, "any sandboxed page has the origin null")
    INSECURE_ORIGIN = ("XO105", Reason.PROHIBITED, "whoever is on the path can speak for a plain-http origin")
    PUBLIC_SUFFIX = ("XO106", Reason.PROHIBITED, "the wildcard covers names that anyone can register")
    ANY_WITH_CREDENTIALS = ("XO107", Reason.PROHIBITED, "any site could read with the user's cookies")
    ANY_AND_MORE = ("XO108", Reason.INCOMPATIBLE, '"*" stands beside other values')
    NO_ORIGINS = ("XO109", Reason.MISSING, "cors does not say which origins it allows")
    METHOD = ("XO110", Reason.INVALID, "the value is not a request method as it will be sent")
    FORBIDDEN_METHOD = ("XO111", Reason.FORBIDDEN, "browsers never send this method")
    FIELD_NAME = ("XO112", Reason.INVALID, "the value is not a field name")
    UNEXPOSABLE = ("XO113", Reason.FORBIDDEN, "browsers never expose this field")
    MAX_AGE = ("XO114", Reason.INVALID, "no browser keeps a preflight answer that long")
    OWNED_FIELD = ("XO115", Reason.PROHIBITED, "the field belongs to a key of its own")
    FRAMING_FIELD = ("XO116", Reason.FORBIDDEN, "the field belongs to the connection, not to a policy")
    FIELD_VALUE = ("XO117", Reason.INVALID, "the value cannot stand in a field line")
    FIELD_TWICE = ("XO118", Reason.INCOMPATIBLE, "one field is named twice under headers")
    UNKNOWN_POLICY = ("XO119", Reason.UNKNOWN_NAME, "no policy has this name")
    PRESET_NAME = ("XO120", Reason.PROHIBITED, "the name of a preset cannot be given a new meaning")
    POLICY_CYCLE = ("XO121", Reason.INVALID, "policies are made of each other in a circle, or through too many steps")
    UNKNOWN_ENDPOINT = ("XO122", Reason.UNKNOWN_NAME, "no reporting endpoint has this name")
    UNREASONED = ("XO123", Reason.MISSING, "a dangerous key wants a reason")
    NULL_WITH_CREDENTIALS = ("XO124", Reason.PROHIBITED, "any sandboxed page could read with the user's cookies")
    FEATURE = ("XO125", Reason.INVALID, "the value cannot be the name of a feature")
    ALLOWLIST = ("XO126", Reason.INVALID, "the value cannot be an entry of an allowlist")
    NOTHING_BLOCKED = ("XO127", Reason.MISSING, "it is not said what has to have integrity metadata")
    REGEX = ("XO140", Reason.INVALID, "the value is not a regular expression of RE2")
    REGEX_SIZE = ("XO141", Reason.PROHIBITED, "regular expressions are too long, too many, or too much together")
    PRIVATE_NETWORK_FOR_ANY = ("XO142", Reason.PROHIBITED, "any site could reach the private network")

    ADDRESS = ("XO201", Reason.INVALID, "the value is not an address to listen on")
    UPSTREAM_URL = ("XO202", Reason.INVALID, "the value is not the URL of an upstream")
    UNKNOWN_UPSTREAM = ("XO203", Reason.UNKNOWN_NAME, "no upstream has this name")
    NO_UPSTREAM = ("XO204", Reason.MISSING, "it is not said where to forward to")
    DURATION = ("XO205", Reason.INVALID, "the value is not a duration, or out of bounds")
    SIZE = ("XO206", Reason.INVALID, "the value is not a size, or out of bounds")
    BOOLEAN = ("XO207", Reason.INVALID, "the value is neither true nor false")
    NETWORK = ("XO208", Reason.INVALID, "the value is neither an IP address nor a network")
    PATH_GLOB = ("XO209", Reason.INVALID, "the value is not a path that requests can have")
    HOST = ("XO210", Reason.INVALID, "the value is not a host name that requests can have")
    OPEN_ADMIN = ("XO211", Reason.PROHIBITED, "the admin endpoint would be open to others")
    NAME = ("XO212", Reason.INVALID, "the value cannot be a name")
    ENDPOINT_URL = ("XO213", Reason.INVALID, "the value is not a place that reports can be sent to")
    SAME_ADDRESS = ("XO214", Reason.DUPLICATE, "an address is listened on twice")
    DATE = ("XO215", Reason.INVALID, "the value is not a date")
    EXCLUSIVE_KEYS = ("XO216", Reason.INCOMPATIBLE, "two keys exclude each other")
    COUNT = ("XO217", Reason.INVALID, "the value is not a number of things")

    DESTINATION = ("XO218", Reason.INVALID, "the value is not a destination of requests")
    UNMATCHABLE_FIELD = ("XO219", Reason.PROHIBITED, "no route is chosen by this field")
    STORE = ("XO220", Reason.INVALID, "the value is not a place where reports can be kept")

    PERCENTAGE = ("XO230", Reason.INVALID, "the value is not a percentage")
    SECRET_FIELD = ("XO231", Reason.PROHIBITED, "the field may hold a secret, which has no place in a log")
    EXPORT_URL = ("XO232", Reason.INVALID, "the value is not the URL of a collector of traces")

    METHOD_CASE = ("XO301", Reason.DOUBTFUL, "methods are case-sensitive")
    LONG_MAX_AGE = ("XO302", Reason.DOUBTFUL, "some browsers keep preflight answers for less")
    EXPIRED = ("XO303", Reason.DOUBTFUL, "the date by which something was to go is past")
    UNREACHABLE_ROUTE = ("XO304", Reason.DOUBTFUL, "an earlier route takes every request")

    # Found by `lint` in what loads, one key with another.
    COOP_AND_SANDBOX = ("XO305", Reason.DOUBTFUL, "a page with COOP and CSP sandbox is a network error")
    COEP_WITHOUT_COOP = ("XO306", Reason.DOUBTFUL, "only COEP and COOP same-origin together isolate a page")
    NOT_ISOLATED = ("XO307", Reason.DOUBTFUL, "what is meant to be isolated is not")
    CREDENTIALLESS_ALONE = ("XO308", Reason.DOUBTFUL, "credentialless isolates no page in Safari")
    OPENER_CUT_OFF = ("XO309", Reason.DOUBTFUL, "login and payment popups are cut off by COOP same-origin")
    INSECURE_CONTEXT = ("XO310", Reason.DOUBTFUL, "browsers ignore these keys on plain http")
    CORP_AGAINST_CORS = ("XO311", Reason.DOUBTFUL, "the origins that CORS lets in are kept out by CORP")
    OBSERVED_TWICE = ("XO312", Reason.DOUBTFUL, "the same value is enforced and observed")
    OBSERVED_NOTHING = ("XO313", Reason.DOUBTFUL, "the observed value forbids nothing")
    OBSERVED_UNHEARD = ("XO314", Reason.DOUBTFUL, "nobody is told what is observed")
    UNUSED_ENDPOINT = ("XO315", Reason.DOUBTFUL, "no route reports to the endpoint")
    NOTHING_TO_REPORT = ("XO316", Reason.DOUBTFUL, "report_to stands in a policy that reports nothing")
    NEVER_ASKED = ("XO317", Reason.DOUBTFUL, "no preflight ever asks for this field")
    ALWAYS_ALLOWED = ("XO318", Reason.DOUBTFUL, "pages may send this field without being allowed to")
    ALWAYS_EXPOSED = ("XO319", Reason.DOUBTFUL, "scripts may read this field without its being exposed")
    COVERED_ORIGIN = ("XO320", Reason.DOUBTFUL, "another entry of the list covers the origin")
    BROAD_REGEX = ("XO321", Reason.DOUBTFUL, "the pattern matches origins of others")
    PREFLIGHT_FORWARDED = ("XO322", Reason.DOUBTFUL, "forwarded preflights meet the application's login")
    PRIVATE_NETWORK = ("XO323", Reason.DOUBTFUL, "no response field opens a private network any more")
    NEEDLESS_ESCAPE = ("XO324", Reason.DOUBTFUL, "nothing needs the dangerous key")
    ENDS_SOON = ("XO325", Reason.DOUBTFUL, "something ends within two weeks")
    OPEN_WEBSOCKET = ("XO326", Reason.DOUBTFUL, "any page may open WebSockets here")
    DEPRECATED_FIELD = ("XO327", Reason.DOUBTFUL, "browsers no longer heed the field")
    FRAME_OPTIONS = ("XO328", Reason.DOUBTFUL, "browsers ignore this value of X-Frame-Options")
    UNDECLARED_ENDPOINT = ("XO329", Reason.DOUBTFUL, "the CSP reports to an endpoint that is not declared")
    COVERED_ROUTE = ("XO330", Reason.DOUBTFUL, "an earlier route takes all requests of this one")
    UNUSED_POLICY = ("XO331", Reason.DOUBTFUL, "no route uses the policy")
    UNUSED_UPSTREAM = ("XO332", Reason.DOUBTFUL, "no route uses the upstream")
    REFUSED_EMBEDDING = ("XO333", Reason.DOUBTFUL, "resource_isolation refuses what CORP offers to everybody")
    AGENT_CLUSTER = ("XO334", Reason.DOUBTFUL, "an isolated page is keyed by its origin in any case")
    ISOLATION_DENIED = ("XO335", Reason.DOUBTFUL, "permissions_policy takes from the page what isolation gives it")
    TRUSTS_EVERYBODY = ("XO336", Reason.DOUBTFUL, "every client is believed what proxies may say")
    UNREACHABLE_METHOD = ("XO337", Reason.DOUBTFUL, "the route takes no request with this method")
    IDLE_REGEX = ("XO338", Reason.DOUBTFUL, "the pattern matches no origin")
    NOTHING_COLLECTED = ("XO339", Reason.DOUBTFUL, "no endpoint is a path, so that no report comes here")

    UNKNOWN_FEATURE = ("XO365", Reason.DOUBTFUL, "no browser knows a feature of this name")
    UNREASONED_ALLOWANCE = ("XO366", Reason.MISSING, "a comment that silences a warning gives no reason")
    UNKNOWN_ALLOWANCE = ("XO367", Reason.UNKNOWN_NAME, "a comment that silences names no warning")
    UNUSED_ALLOWANCE = ("XO368", Reason.DOUBTFUL, "a comment silences nothing")

    TEST_NAME = ("XO401", Reason.MISSING, "a policy test has no name, or one that stands there already")
    TEST_SUBJECT = ("XO402", Reason.INVALID, "it is not said what a policy test is about, or it is said twice")
    TEST_EXPECTATION = ("XO403", Reason.INVALID, "nothing is expected of a policy test, or what it cannot show")
    TEST_URL = ("XO404", Reason.INVALID, "the value is not a URL that a page can ask for")
    TEST_STATUS = ("XO405", Reason.INVALID, "the value is not a status that a response ends with")

    @property
    def severity(self) -> Severity:
        """Errors, but for the range of the warnings."""
        return Severity.WARNING if self.code.startswith("XO3") else Severity.ERROR


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a source, counted from 1.  Line 0: the source as a whole, as an option or a file that is missing."""

    source: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: in the text, and in the configuration (`path`, as ``routes[2].policy.coop``)."""

    mark: Mark
    path: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a configuration."""

    source: str  # the file as it was named, or the command-line option
    line: int  # from 1; 0: no place in it
    column: int
    id: str
    severity: Severity
    reason: Reason
    path: str
    message: str

    def __str__(self) -> str:
        where, path = self.source, ""
        if self.line:
            where = f"{where}:{self.line}:{self.column}"
            path = f"{self.path}: " if self.path else ""
        return printable(f"{where}: {self.id} {self.severity.value}: {path}{self.message}")


def problem_at(place: Place, kind: Id, message: str) -> Problem:
    """Return a problem of this kind at a place."""
    mark = place.mark
    return Problem(mark.source, mark.line, mark.column, kind.code, kind.severity, kind.reason, place.path, printable(message))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of the files, each once; those of options and of files as a whole come first."""

    def place(problem: Problem) -> tuple[bool, str, int, int]:
        return problem.line > 0, problem.source if problem.line else "", problem.line, problem.column

    return tuple(sorted(dict.fromkeys(problems), key=place))


class ConfigInvalid(Exception):  # noqa: N818  the name is part of the interface, and says what is the matter
    """A configuration that must not take effect.  Carries every problem, warnings included, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def keep(problems: list[Problem], problem: Problem) -> None:
    """Add a problem.  Raises ConfigInvalid at the bound: what has more problems is another kind of file."""
    problems.append(problem)
    if len(problems) >= MAX_PROBLEMS:
        place = Place(Mark(problem.source, problem.line, problem.column))
        problems.append(problem_at(place, Id.TOO_MANY, f"reading stopped here, after {MAX_PROBLEMS} problems"))
        raise ConfigInvalid(problems)


class Refused(Exception):  # noqa: N818  raised by parsers of one value, never leaves this package
    """One value that a parser does not take.  Whoever knows the value's place makes it a `Problem`."""

    def __init__(self, kind: Id, message: str) -> None:
        self.kind = kind
        self.message = message
        super().__init__(message)


def printable(text: str) -> str:
    """Return the text with every character escaped that could break or forge a line, or steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted(text: str) -> str:
    """Return the text in quotes, shortened and printable."""
    short = text if len(text) <= 80 else text[:77] + "..."
    escaped = short.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(escaped)}"'


def child_path(path: str, key: str) -> str:
    """Return the path of a mapping's value; a key that is no plain word is quoted."""
    name = key if key.replace("_", "").replace("-", "").isalnum() else quoted(key)
    return f"{path}.{name}" if path else name
