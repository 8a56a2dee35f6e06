/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Gives up everything that parsing a file does not need: user, groups, capabilities, opening
 * files, making processes, memory beyond a limit, all other system calls. For the child only.
 */
#ifndef SYM_SANDBOX_H
#define SYM_SANDBOX_H

#include "base/base.h"

/* What is open stays open. memory: bytes that may be allocated. 0, or -errno: then nothing may be parsed. */
int sandbox_enter(uint64_t memory);
/* Only who we are: nobody, without capabilities, and never anything else again. */
int sandbox_drop_user(void);

#endif
