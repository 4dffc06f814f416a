# SPDX-License-Identifier: Apache-2.0
"""Certificate pinning: policies enforced on Python's TLS connections by libcotter."""
from ._abi import CotterError, library
from ._layout import LayoutError
from .policy import Policy, Source, Trust, Verdict, insecure_evaluate_path, judge_chain
from .tls import AssertionOnlyWarning, Enforcer, PinError, create_context

__version__ = library.version().decode()

__all__ = ["AssertionOnlyWarning", "CotterError", "Enforcer", "LayoutError", "PinError", "Policy", "Source", "Trust",
           "Verdict", "create_context", "insecure_evaluate_path", "judge_chain"]
