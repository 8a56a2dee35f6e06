// SPDX-License-Identifier: GPL-2.0
/* The core for kernels that run work of programs when a thread returns to user mode, as v6.18 does. */
#define HL_TASK_WORK 5
#include "bpf/core.bpf.c"
