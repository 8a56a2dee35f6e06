/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Macros that every file may use. Level 0: knows nothing of tracing. */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))

#define __printf(fmt, first) __attribute__((format(printf, fmt, first)))
#define __unused             __attribute__((unused))

/* Locals that die with their scope: `__free char *s = …`, `__close int fd = …`. */
void cleanup_free(void *p);  /* p: a pointer to the pointer to free */
void cleanup_close(int *fd); /* closes *fd when >= 0 */
#define __free  __attribute__((cleanup(cleanup_free)))
#define __close __attribute__((cleanup(cleanup_close)))

#endif
