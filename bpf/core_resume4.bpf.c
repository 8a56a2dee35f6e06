// SPDX-License-Identifier: GPL-2.0
/* The same for later kernels, whose function for that has an argument less. */
#define HL_TASK_WORK 4
#include "bpf/core.bpf.c"
