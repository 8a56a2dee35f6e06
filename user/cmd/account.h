/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The accounting in one line: what was lost, by class and cause. For the session. */
#ifndef CMD_ACCOUNT_H
#define CMD_ACCOUNT_H

#include "base/str.h"
#include "bpf/abi.h"

struct account {
	struct hl_rec_acct last[NR_HL_CLASSES];
	bool known[NR_HL_CLASSES];
};

void account_take(struct account *a, const struct hl_rec_acct *r);
/* "nothing lost", or what was lost, without a newline. */
void account_line(const struct account *a, struct str *out);

#endif
