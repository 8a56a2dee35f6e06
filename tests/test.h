/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a unit or screen test needs. A test is `void test_name(void)` in a file of
 * tests/unit or tests/view, at the start of a line; the list is generated. */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Each records a failure with file, line and values, and returns whether it held. */
bool test_true(bool ok, const char *what, const char *file, int line);
bool test_eq(long long a, long long b, const char *what, const char *file, int line);
bool test_streq(const char *a, const char *b, const char *what, const char *file, int line);
/* Compares text with the file tests/data/NAME; UPDATE=1 in the environment rewrites it. */
bool test_golden(const char *text, const char *name, const char *file, int line);

#define ASSERT(c)                 test_true((c), #c, __FILE__, __LINE__)
#define ASSERT_EQ(a, b)           test_eq((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
#define ASSERT_STR(a, b)          test_streq((a), (b), #a " == " #b, __FILE__, __LINE__)
#define ASSERT_GOLDEN(text, name) test_golden((text), (name), __FILE__, __LINE__)

#define T(name) void name(void);
#include "tests/list.h"
#undef T

#endif
