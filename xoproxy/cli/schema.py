"""`xoproxy schema`: the JSON Schema of the policy file, or of policy tests, for editors."""

import argparse
import json

from xoproxy.cli.parser import EXIT_FINE
from xoproxy.config.schema import policy_file_schema
from xoproxy.insight.testing.schema import schema_of_tests


def run(args: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(schema_of_tests() if args.tests else policy_file_schema(), indent=2))
    return EXIT_FINE
