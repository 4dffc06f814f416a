# SPDX-License-Identifier: Apache-2.0
"""The door "gateway_http"."""
from gateway_door import main

main("http")
