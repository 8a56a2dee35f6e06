/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One-line messages. They go to stderr as "hostlat: message", or to the sink that
 * the live view sets, so that nothing ever writes over the screen. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/base.h"

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level max); /* default LOG_INFO */
void log_set_sink(void (*sink)(void *arg, enum log_level l, const char *line), void *arg); /* NULL: stderr */
void log_printf(enum log_level l, const char *fmt, ...) __printf(2, 3);

#define pr_err(...)  log_printf(LOG_ERR, __VA_ARGS__)
#define pr_warn(...) log_printf(LOG_WARN, __VA_ARGS__)
#define pr_info(...) log_printf(LOG_INFO, __VA_ARGS__)
#define pr_dbg(...)  log_printf(LOG_DEBUG, __VA_ARGS__)

#endif
