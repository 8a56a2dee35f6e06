/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Where the time of a goroutine's call went: that is known as long as its thread is its own, and a thread's
 * clocks are the call's then. So it is counted how often each thread takes up a goroutine, at the places of
 * Go's runtime where all of them are taken up. That costs a probe for each change of a goroutine, whether it
 * is in a traced function or not; where there are too many of them the probe is taken off, and no call has
 * states any more. Called by funcs.c and func_guard.c.
 *
 * The scheduler's count of its rounds (p.schedtick) does not tell: whom a goroutine has made ready as the
 * last thing before it waits is taken up without one.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/fmt.h"
#include "base/log.h"
#include "kern/func_sites.h"
#include "kern/kern.h"

void func_go_add(struct func_file *file, const struct find_result *r)
{
	struct func *f;

	if (file->runs || !r->go_runs[0])
		return;
	f = xcalloc(1, sizeof(*f));
	f->file = file;
	for (size_t i = 0; i < ARRAY_SIZE(r->go_runs); i++)
		if (r->go_runs[i])
			*vec_add(&f->probes) =
				(struct func_probe){ .prog = "func_go_runs", .offset = r->go_runs[i] };
	file->runs = f;
}

/* ---- on ------------------------------------------------------------------------------------------- */

void func_go_prepare(struct live *l, struct part *p)
{
	bool go = false;

	for (size_t i = 0; i < l->funcs.v.n; i++)
		go |= (l->funcs.v.v[i]->flags & HL_FUNC_GO) != 0;
	if (!go)
		return;
	bpf_map__set_max_entries(object_map(&p->obj, "goroutines"), HL_FUNC_GOS);
	bpf_map__set_max_entries(object_map(&p->obj, "go_procs"), HL_FUNC_GOS);
	bpf_map__set_max_entries(object_map(&p->obj, "go_runs"), HL_FUNC_RUNS);
}

void func_go_open(struct live *l)
{
	struct bpf_map *m = object_map(&l->parts[PART_FUNC].obj, "go_runs");
	void *at;

	if (bpf_map__max_entries(m) != HL_FUNC_RUNS)
		return;
	at = mmap(NULL, HL_FUNC_RUNS * sizeof(uint64_t), PROT_READ, MAP_SHARED, bpf_map__fd(m), 0);
	l->funcs.go_runs = at == MAP_FAILED ? NULL : at;
}

void func_go_attach(struct live *l, struct func *f)
{
	struct func *runs = f->flags & HL_FUNC_GO ? f->file->runs : NULL;
	int err = 0;

	if (!runs || runs->is_off || !l->funcs.go_runs)
		return;
	if (!runs->links.n)
		err = func_links_alone(l, runs);
	if (!err) {
		__atomic_store_n(&l->funcs.shared[f->id].runs, 1, __ATOMIC_RELEASE);
		return;
	}
	pr_warn("%s: where the time of its calls went is not told: %s", f->file->name, err_str(err));
	func_links_off(l, runs);
	runs->is_off = true;
}

/* ---- and off ---------------------------------------------------------------------------------------- */

/* First it is said: what is not counted any more would seem not to have been. */
static void tell_off(struct live *l)
{
	for (size_t i = 0; l->funcs.shared && i < l->funcs.v.n; i++)
		__atomic_store_n(&l->funcs.shared[l->funcs.v.v[i]->id].runs, 0, __ATOMIC_RELEASE);
}

void func_go_detach(struct live *l)
{
	tell_off(l);
	for (size_t i = 0; i < l->funcs.files.n; i++) {
		struct func_file *file = l->funcs.files.v[i];

		if (file->runs)
			func_links_off(l, file->runs);
	}
}

void func_go_guard(struct live *l, uint64_t ns)
{
	struct funcs *k = &l->funcs;
	uint64_t sum = 0, more;
	char many[FMT_LEN];

	if (!k->go_runs)
		return;
	for (size_t i = 0; i < HL_FUNC_RUNS; i++)
		sum += __atomic_load_n(&k->go_runs[i], __ATOMIC_RELAXED);
	more = (sum - k->go_taken_up) * NSEC_PER_SEC / ns;
	k->go_taken_up = sum;
	if (more <= FUNC_MOST_A_SECOND)
		return;
	func_go_detach(l);
	fmt_count(many, more);
	pr_warn("goroutines were taken up %s times a second, which is more than can be looked at: where the "
		"time of "
		"calls went is not told of Go programs any more; how many there are, and how long they take, "
		"is",
		many);
	munmap(k->go_runs, HL_FUNC_RUNS * sizeof(uint64_t));
	k->go_runs = NULL;
}

void func_go_fini(struct live *l)
{
	for (size_t i = 0; i < l->funcs.files.n; i++)
		if (l->funcs.files.v[i]->runs)
			func_free(l->funcs.files.v[i]->runs);
	if (l->funcs.go_runs)
		munmap(l->funcs.go_runs, HL_FUNC_RUNS * sizeof(uint64_t));
}
