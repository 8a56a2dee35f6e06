/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* One BPF object, whichever: opened from the bytes inside the program, its maps shared by
 * name, loaded, attached program by program. Called by live.c and doctor. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/embed.h"
#include "base/err.h"
#include "base/log.h"
#include "kern/kern.h"

static int set_cfg(struct bpf_object *o, const struct hl_cfg *cfg)
{
	struct bpf_map *map;
	size_t size;
	void *at;

	bpf_object__for_each_map (map, o) {
		if (!strstr(bpf_map__name(map), ".rodata.cfg"))
			continue;
		at = (void *)bpf_map__initial_value(map, &size);
		if (!at || size < sizeof(*cfg))
			return -EINVAL;
		memcpy(at, cfg, sizeof(*cfg));
		return 0;
	}
	return -ENOENT;
}

static int share_maps(struct object *o, const struct object *owner)
{
	struct bpf_map *map, *from;
	int err;

	bpf_object__for_each_map (map, o->bpf) {
		if (strncmp(bpf_map__name(map), "hl_", 3))
			continue;
		from = bpf_object__find_map_by_name(owner->bpf, bpf_map__name(map));
		if (!from)
			continue;
		err = bpf_map__reuse_fd(map, bpf_map__fd(from));
		if (err)
			return err;
	}
	return 0;
}

/* What hostlat does without is told by who opened it, in the collectors' list. */
static void complain(const struct object *o, const char *what, int err)
{
	if (!o->optional)
		pr_err("%s: %s: %s", o->name, what, err_str(err));
}

int object_open(struct object *o, const char *name, const struct hl_cfg *cfg, const struct object *owner)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	char file[64];
	const void *bytes;
	size_t size;
	int err;

	o->name = name;
	o->optional = owner != NULL;
	snprintf(file, sizeof(file), "%s.bpf.o", name);
	bytes = embed_find(file, &size);
	if (!bytes) {
		pr_err("%s: no such BPF object inside this program", name);
		return -ENOENT;
	}
	o->bpf = bpf_object__open_mem(bytes, size, &opts);
	if (!o->bpf) {
		err = -errno;
		complain(o, "open", err);
		return err;
	}
	err = set_cfg(o->bpf, cfg);
	if (!err && owner)
		err = share_maps(o, owner);
	if (err)
		complain(o, "prepare", err);
	return err;
}

void object_autoload(struct object *o, const char *prog)
{
	bpf_program__set_autoload(bpf_object__find_program_by_name(o->bpf, prog), true);
}

int object_load(struct object *o)
{
	int err = bpf_object__load(o->bpf);

	if (err && !o->optional)
		pr_err("%s: the kernel refuses the BPF programs: %s; run `hostlat doctor`", o->name,
		       err_str(err));
	return err;
}

void object_close(struct object *o)
{
	bpf_object__close(o->bpf);
	o->bpf = NULL;
}

int object_attach(struct object *o, const char *prog, struct bpf_link **link)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o->bpf, prog);
	int err;

	if (!p)
		return -ENOENT;
	*link = bpf_program__attach(p);
	if (*link)
		return 0;
	err = -errno;
	if (!o->optional)
		pr_err("%s: attach %s: %s", o->name, prog, err_str(err));
	return err;
}

struct bpf_map *object_map(struct object *o, const char *name)
{
	return bpf_object__find_map_by_name(o->bpf, name);
}

#define ELEM_OVERHEAD 48 /* of an element of a hash */

size_t object_map_bytes(const struct object *o)
{
	struct bpf_map *map;
	size_t sum = 0;

	bpf_object__for_each_map (map, o->bpf)
		if (strncmp(bpf_map__name(map), "hl_", 3))
			sum += (size_t)bpf_map__max_entries(map) *
			       (bpf_map__key_size(map) + bpf_map__value_size(map) + ELEM_OVERHEAD);
	return sum;
}

#define ITER_BYTES  (64 << 10)
#define ITER_GATHER (1 << 20)

static int read_items(int fd, size_t size, item_fn fn, struct live *l)
{
	/* no less than the kernel gathers for one read: between two of them it may lose its place; and so
	 * that this is a short time, items are looked at when many have come */
	size_t have = 0, least = MAX(size * 64, (size_t)ITER_BYTES), cap = least + ITER_GATHER, used;
	__free char *buf = xmalloc(cap);
	ssize_t n;
	int err;

	for (;;) {
		n = read(fd, buf + have, cap - have);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		have += n > 0 ? (size_t)n : 0;
		if (n > 0 && cap - have >= least)
			continue;
		err = n < 0 ? -errno : 0;
		for (used = 0; have - used >= size; used += size)
			fn(l, buf + used);
		if (n <= 0)
			return err;
		memmove(buf, buf + used, have - used);
		have -= used;
	}
}

static int iterate(struct object *o, const char *prog, const struct bpf_iter_attach_opts *opts, size_t size,
		   item_fn fn, struct live *l)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o->bpf, prog);
	struct bpf_link *link;
	int fd, err;

	if (!p)
		return -ENOENT;
	link = bpf_program__attach_iter(p, opts);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	err = fd < 0 ? -errno : read_items(fd, size, fn, l);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return err;
}

int object_iterate(struct object *o, const char *prog, size_t size, item_fn fn, struct live *l)
{
	return iterate(o, prog, NULL, size, fn, l);
}

#define LOOK_SHARE 100 /* one part in so many of a CPU's time */

uint64_t object_look_again(uint64_t cpu_ns)
{
	return clock_mono_ns() + (clock_cpu_ns() - cpu_ns) * LOOK_SHARE;
}

int object_iterate_map(struct object *o, const char *prog, const char *map, size_t size, item_fn fn,
		       struct live *l)
{
	union bpf_iter_link_info info = { .map.map_fd = (__u32)bpf_map__fd(object_map(o, map)) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return iterate(o, prog, &opts, size, fn, l);
}
