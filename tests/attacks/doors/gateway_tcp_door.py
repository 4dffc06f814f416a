# SPDX-License-Identifier: Apache-2.0
"""The door "gateway_tcp"."""
from gateway_door import main

main("tcp")
