"""`xoproxy schema`: the JSON Schema of the policy file, for editors."""

import argparse
import json

from xoproxy.cli.parser import EXIT_FINE
from xoproxy.config.schema import policy_file_schema


def run(args: argparse.Namespace) -> int:  # noqa: ARG001  every command has this signature
    """Print the schema."""
    print(json.dumps(policy_file_schema(), indent=2))
    return EXIT_FINE
