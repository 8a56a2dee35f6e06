/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* All collectors of this program, in the order of the views: one line each. Handed to
 * the model by the commands. */
#include "probe/probe.h"

const struct collector *const all_collectors[] = {
	&spine_collector,
	&block_collector,
	&blocked_collector,
	&files_collector,
	&uring_collector,
	&stacks_collector,
	&locks_collector,
	&cgroups_collector,
	&tcp_collector,
	&dns_collector,
	&exchanges_collector,
	&funcs_collector,
	NULL,
};
