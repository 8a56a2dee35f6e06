/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What ports of TCP are mostly used for. A list of our own: no file and nobody else is asked. */
#ifndef HOST_SERVICES_H
#define HOST_SERVICES_H

#include "base/base.h"

const char *service_name(uint64_t port); /* NULL: none that is well known */

#endif
