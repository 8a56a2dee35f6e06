/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the conventions by which container managers name their cgroups: two tables, by the shape
 * of one path segment and by the folder above it. Called by whoever names a process. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "host/container.h"

#define SHORT_ID 12

struct seg {
	const char *s;
	size_t len;
};

enum kind {
	ID,      /* hexadecimal, as the runtimes write a container's id */
	NAME,    /* chosen by a person */
	ESCAPED, /* chosen by a person, \x2d and the like as systemd writes them */
};

/* A segment of this shape is a container. The first row that fits wins. */
static const struct {
	const char *prefix, *suffix;
	enum kind kind;
	const char *runtime;
} shapes[] = {
	{ "docker-", ".scope", ID, "docker" },
	{ "cri-containerd-", ".scope", ID, "containerd" },
	{ "nerdctl-", ".scope", ID, "containerd" },
	{ "crio-", ".scope", ID, "cri-o" },
	{ "crio-", "", ID, "cri-o" },
	{ "libpod-", ".scope", ID, "podman" },
	{ "libpod-", "", ID, "podman" },
	/* systemd's driver asked for while the runtime uses plain folders: "x.slice:runtime:id" */
	{ "cri-containerd:", "", ID, "containerd" },
	{ "crio:", "", ID, "cri-o" },
	{ "docker:", "", ID, "docker" },
	{ "libpod:", "", ID, "podman" },
	{ "lxc.payload.", "", NAME, "lxc" },
	{ "systemd-nspawn@", ".service", ESCAPED, "nspawn" },
	{ "machine-qemu\\x2d", ".scope", ESCAPED, "libvirt" },
	{ "machine-lxc\\x2d", ".scope", ESCAPED, "libvirt" },
	{ "machine-", ".scope", ESCAPED, "machine" },
};

/* What is right below such a folder (NAME) is a container; or whatever id is anywhere below it. */
static const struct {
	const char *folder;
	enum kind kind;
	const char *runtime;
} folders[] = {
	{ "lxc", NAME, "lxc" },
	{ "lxc.payload", NAME, "lxc" },
	{ "garden", NAME, "garden" },
	{ "docker", ID, "docker" },
	{ "actions_job", ID, "docker" },
	{ "moby", ID, "docker" },
	{ "k8s.io", ID, "containerd" },
	{ "libpod_parent", ID, "podman" },
	{ "ecs", ID, "ecs" },
	{ "kubepods", ID, "kubernetes" },
	{ "kubepods.slice", ID, "kubernetes" },
};

static bool is(struct seg seg, const char *word)
{
	return seg.len == strlen(word) && !memcmp(seg.s, word, seg.len);
}

static size_t hex_len(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && isxdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* 64 digits; or 32, a dash and a number, as Fargate does. */
static bool is_id(struct seg seg)
{
	size_t n = hex_len(seg.s, seg.len);

	if (n == seg.len)
		return n == 64;
	if (n != 32 || seg.s[n] != '-' || n + 1 == seg.len)
		return false;
	for (n++; n < seg.len; n++) {
		if (seg.s[n] < '0' || seg.s[n] > '9')
			return false;
	}
	return true;
}

static bool strip(struct seg *seg, const char *prefix, const char *suffix)
{
	size_t p = strlen(prefix), s = strlen(suffix);

	if (seg->len <= p + s || memcmp(seg->s, prefix, p) || memcmp(seg->s + seg->len - s, suffix, s))
		return false;
	seg->s += p;
	seg->len -= p + s;
	return true;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Copy a name; where it is systemd's, undo \xNN unless that would bring in a control byte. */
static void copy_name(char *dst, size_t size, struct seg from, bool escaped)
{
	size_t n = 0;

	for (size_t i = 0; i < from.len && n < size - 1; i++) {
		const char *s = from.s + i;

		dst[n] = *s;
		if (escaped && from.len - i > 3 && s[0] == '\\' && s[1] == 'x' && hex_len(s + 2, 2) == 2) {
			int c = hex_digit(s[2]) * 16 + hex_digit(s[3]);

			if (c >= ' ' && c < 0x7f) {
				dst[n] = (char)c;
				i += 3;
			}
		}
		n++;
	}
	dst[n] = '\0';
}

static void found(struct container *c, const char *runtime, enum kind kind, struct seg seg)
{
	if (kind == ID)
		seg.len = MIN(seg.len, (size_t)SHORT_ID);
	copy_name(c->name, sizeof(c->name), seg, kind == ESCAPED);
	c->runtime = runtime;
}

static bool by_shape(struct container *c, struct seg seg)
{
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct seg rest = seg;

		if (!strip(&rest, shapes[i].prefix, shapes[i].suffix))
			continue;
		if (shapes[i].kind == ID && !is_id(rest))
			continue;
		found(c, shapes[i].runtime, shapes[i].kind, rest);
		return true;
	}
	return false;
}

/* Rows of folders[], counted from 1: the one right above, and the nearest of ID kind. */
struct walk {
	size_t parent, nearest;
};

static size_t find_folder(struct seg seg)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (is(seg, folders[i].folder))
			return i + 1;
	}
	return 0;
}

static bool by_folder(struct container *c, struct seg seg, const struct walk *w)
{
	if (w->parent && folders[w->parent - 1].kind == NAME) {
		found(c, folders[w->parent - 1].runtime, NAME, seg);
		return true;
	}
	if (!is_id(seg))
		return false;
	/* Under no known folder it is a container of somebody still: nothing else has such a name. */
	found(c, w->nearest ? folders[w->nearest - 1].runtime : "", ID, seg);
	return true;
}

/* 8-4-4-4-12 with dashes or (systemd's way) underscores; 32 digits: a pod from a file. */
static bool is_pod_uid(struct seg seg)
{
	if (seg.len == 32)
		return hex_len(seg.s, 32) == 32;
	if (seg.len != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? seg.s[i] != '-' && seg.s[i] != '_' : !isxdigit((unsigned char)seg.s[i]))
			return false;
	}
	return true;
}

/* "pod<uid>", or "…kubepods-burstable-pod<uid>.slice". */
static bool parse_pod(struct container *c, struct seg seg)
{
	struct seg uid = seg;

	if (!strip(&uid, "pod", "")) {
		const char *at;

		if (!strip(&uid, "", ".slice") || !memmem(uid.s, uid.len, "kubepods", 8))
			return false;
		at = memmem(uid.s, uid.len, "-pod", 4);
		if (!at)
			return false;
		uid.len -= (size_t)(at + 4 - uid.s);
		uid.s = at + 4;
	}
	if (!is_pod_uid(uid))
		return false;
	copy_name(c->pod, sizeof(c->pod), uid, false);
	for (char *p = c->pod; *p; p++)
		*p = *p == '_' ? '-' : *p;
	return true;
}

/* A service or scope overrides what was found above it, a slice only another slice. */
static void parse_unit(struct container *c, struct seg seg)
{
	struct seg rest = seg;
	bool slice = strip(&rest, "", ".slice");
	size_t n = strlen(c->unit);

	if (!slice && !strip(&rest, "", ".service") && !strip(&rest, "", ".scope"))
		return;
	if (slice && n && (n < 6 || strcmp(c->unit + n - 6, ".slice")))
		return;
	copy_name(c->unit, sizeof(c->unit), seg, false);
}

/* One segment without a colon in it. Its scope or pod slice is no unit that anybody wrote. */
static void parse_segment(struct container *c, struct seg seg, const struct walk *w)
{
	if (by_shape(c, seg) || by_folder(c, seg, w) || parse_pod(c, seg))
		c->unit[0] = '\0';
	else
		parse_unit(c, seg);
}

static void step(struct container *c, struct seg seg, struct walk *w)
{
	const char *colon = memchr(seg.s, ':', seg.len);
	struct seg head = { seg.s, colon ? (size_t)(colon - seg.s) : 0 };
	struct seg tail = { seg.s + head.len + 1, seg.len - head.len - 1 };

	/* "kubepods-….slice:cri-containerd:<id>" is two segments in one */
	if (colon && by_shape(c, tail)) {
		c->unit[0] = '\0';
		parse_pod(c, head);
	} else {
		parse_segment(c, seg, w);
	}
	w->parent = find_folder(seg);
	if (w->parent && folders[w->parent - 1].kind == ID)
		w->nearest = w->parent;
}

void container_parse(const char *path, struct container *c)
{
	struct walk w = { 0 };

	memset(c, 0, sizeof(*c));
	c->runtime = "";
	while (*path) {
		struct seg seg = { path, strcspn(path, "/") };

		if (seg.len)
			step(c, seg, &w);
		path += seg.len + (path[seg.len] == '/');
	}
}

const char *container_name(const struct container *c, char *buf)
{
	if (!c->name[0] && c->pod[0])
		snprintf(buf, CONTAINER_NAME_LEN, "pod/%s", c->pod);
	else
		snprintf(buf, CONTAINER_NAME_LEN, "%s", c->name);
	return buf;
}

bool container_is(const struct container *c, const char *want)
{
	char name[CONTAINER_NAME_LEN];

	container_name(c, name);
	if (!name[0] || !want[0])
		return false;
	return !strcmp(name, want) || !strcmp(c->pod, want) ||
	       (strlen(name) == SHORT_ID && !strncmp(name, want, SHORT_ID));
}
