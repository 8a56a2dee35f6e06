/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The list of the sites that are no generated paths. A site is a line here and
 * a function `long site_NAME(struct chain *c)` in the file of its family; its
 * number is its place, after the paths.
 */
#ifndef CHAIN_SITES_H
#define CHAIN_SITES_H

#include "chain.h"

/* frames.c: odd frames */
#define CHAIN_SITES_FRAMES(X)                                                                                \
	X(recursive)                                                                                         \
	X(alloca)                                                                                            \
	X(vla)                                                                                               \
	X(realigned)                                                                                         \
	X(many_args)                                                                                         \
	X(inlined_raw)                                                                                       \
	X(cold)                                                                                              \
	X(constprop)                                                                                         \
	X(noreturn)                                                                                          \
	X(after_longjmp)                                                                                     \
	X(big_frame)                                                                                         \
	X(big_innermost)                                                                                     \
	X(qsort)                                                                                             \
	X(pointers)

/* other.c: other stacks, other modules */
#define CHAIN_SITES_OTHER(X)                                                                                 \
	X(thread)                                                                                            \
	X(thread_raw)                                                                                        \
	X(coroutine)                                                                                         \
	X(coroutine_guarded)                                                                                 \
	X(coroutine_longjmp)                                                                                 \
	X(callback)                                                                                          \
	X(callback_deep)                                                                                     \
	X(plt_leaf)                                                                                          \
	X(plugin)

/* signals.c */
#define CHAIN_SITES_SIGNALS(X)                                                                               \
	X(raise)                                                                                             \
	X(kill)                                                                                              \
	X(nested_signals)                                                                                    \
	X(trap_in)                                                                                           \
	X(trap_first)                                                                                        \
	X(other_stack)                                                                                       \
	X(interrupted)

/* cxx.cc */
#define CHAIN_SITES_CXX(X)                                                                                   \
	X(cxx_namespace)                                                                                     \
	X(cxx_template)                                                                                      \
	X(cxx_lambda)                                                                                        \
	X(cxx_virtual)                                                                                       \
	X(cxx_anonymous)                                                                                     \
	X(cxx_inlined)                                                                                       \
	X(cxx_operator)                                                                                      \
	X(cxx_ctor)                                                                                          \
	X(cxx_dtor)                                                                                          \
	X(cxx_catch)                                                                                         \
	X(cxx_unwinding)                                                                                     \
	X(cxx_exception_dtor)                                                                                \
	X(cxx_overload)

#define CHAIN_SITES(X)                                                                                       \
	CHAIN_SITES_FRAMES(X)                                                                                \
	CHAIN_SITES_OTHER(X)                                                                                 \
	CHAIN_SITES_SIGNALS(X)                                                                               \
	CHAIN_SITES_CXX(X)

#ifdef __cplusplus
extern "C" {
#endif
#define X(name) long site_##name(struct chain *c);
CHAIN_SITES(X)
#undef X
#ifdef __cplusplus
}
#endif

#endif
