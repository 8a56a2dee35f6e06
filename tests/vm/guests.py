# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The guests: which kernel, how it is booted, what runs there. `make test` boots those with
in_test, `make test-kernels` all."""
import cases


class Guest:
    def __init__(self, name, kernel, what, in_test=False, **boot):
        self.name, self.kernel, self.what, self.in_test, self.boot = name, kernel, what, in_test, boot
        for w in what:
            assert w in cases.ALL, w


BASIC = ["doctor", "blocked", "waits", "calls", "pairing"]

GUESTS = [
    Guest("6.1", "6.1", BASIC, in_test=True),
    Guest("6.12", "6.12", BASIC),
    Guest("7.2", "7.2", BASIC),
    Guest("7.3", "7.3", BASIC),
]
