/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The kernel's functions, sorted by address, their names in one block of memory. Only code is
 * kept, and only where it is known how far it goes: kallsyms gives no sizes, so that the name
 * before an address is the right one only inside the kernel's own text or a module's memory;
 * between them stand BPF programs and trampolines. Called by kern/.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/mem.h"
#include "host/file.h"
#include "sym/ksym.h"

#define MODULES_ROOM (256 << 10)
#define BLOCK        (256 << 10) /* of the file, at once */
#define MAX_FUNCS    2000000
#define MAX_MODULES  4096

struct func {
	uint64_t addr;
	uint32_t name;   /* where in names */
	uint32_t module; /* index + 1; 0: the kernel */
};

struct module {
	char name[56];
	uint64_t begin, end;
};

struct ksyms {
	char *kallsyms, *modules_file;
	VEC(struct func) funcs;
	VEC(struct module) modules;
	char *names;
	size_t names_len, names_cap;
	uint64_t text, text_end; /* of the kernel itself */
	uint64_t read_at;        /* ksyms_modules when it was read */
	bool read;
	char why[96]; /* it could not be read */
};

struct ksyms *ksyms_new(const char *kallsyms, const char *modules)
{
	struct ksyms *k = xcalloc(1, sizeof(*k));

	k->kallsyms = xstrdup(kallsyms ? kallsyms : "/proc/kallsyms");
	k->modules_file = xstrdup(modules ? modules : "/proc/modules");
	return k;
}

static void forget(struct ksyms *k)
{
	vec_free(&k->funcs);
	vec_free(&k->modules);
	cleanup_free(&k->names);
	k->names_len = k->names_cap = 0;
	k->text = k->text_end = 0;
	k->why[0] = '\0';
}

void ksyms_free(struct ksyms *k)
{
	if (!k)
		return;
	forget(k);
	free(k->kallsyms);
	free(k->modules_file);
	free(k);
}

/* ---- modules ----------------------------------------------------------------------- */

/* "NAME SIZE USERS DEPS STATE 0xADDRESS …" */
static bool module_line(const char *line, struct module *m)
{
	uint64_t size;

	if (sscanf(line, "%55s %" SCNu64 " %*s %*s %*s %" SCNx64, m->name, &size, &m->begin) != 3)
		return false;
	m->end = m->begin + size;
	return m->begin && m->end > m->begin;
}

static char *modules_text(const struct ksyms *k)
{
	char *text = xmalloc(MODULES_ROOM);

	if (file_read(k->modules_file, text, MODULES_ROOM) < 0)
		text[0] = '\0'; /* a kernel that has none */
	return text;
}

static void modules_read(struct ksyms *k)
{
	__free char *text = modules_text(k);
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct module m = {};

		if (module_line(l, &m) && k->modules.n < MAX_MODULES)
			*vec_add(&k->modules) = m;
	}
}

uint64_t ksyms_modules(struct ksyms *k)
{
	__free char *text = modules_text(k);
	char *save = NULL;
	uint64_t sum = 1;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct module m = {};

		if (module_line(l, &m)) /* not who uses it */
			sum = sum * 31 + hash_bytes(&m, sizeof(m));
	}
	return sum;
}

static uint32_t module_named(const struct ksyms *k, const char *name, size_t n)
{
	for (size_t i = 0; i < k->modules.n; i++)
		if (!strncmp(k->modules.v[i].name, name, n) && !k->modules.v[i].name[n])
			return (uint32_t)i + 1;
	return 0;
}

/* ---- functions ---------------------------------------------------------------------- */

static uint32_t add_name(struct ksyms *k, const char *name, size_t n)
{
	uint32_t at = (uint32_t)k->names_len;

	if (k->names_len + n + 1 > k->names_cap) {
		k->names_cap = MAX(k->names_cap * 2, (size_t)BLOCK);
		k->names = xrealloc(k->names, k->names_cap);
	}
	memcpy(k->names + at, name, n);
	k->names[at + n] = '\0';
	k->names_len += n + 1;
	return at;
}

/* Is it of a kind and a name that a stack can hold? Padding before functions has names too. */
static bool is_code(char kind, const char *name)
{
	return strchr("tTwW", kind) && strncmp(name, "__pfx_", 6) && strncmp(name, "__cfi_", 6);
}

static bool name_is(const char *name, size_t n, const char *want)
{
	return strlen(want) == n && !memcmp(name, want, n);
}

/* "ffffffff81000000 T _stext\t[module]" */
static void func_line(struct ksyms *k, char *line)
{
	char *rest, *name, *module;
	uint64_t addr = strtoull(line, &rest, 16);
	struct func f = { .addr = addr };
	size_t n;

	if (rest == line || rest[0] != ' ' || !rest[1] || rest[2] != ' ')
		return;
	name = rest + 3;
	n = strcspn(name, " \t");
	if (name_is(name, n, "_stext"))
		k->text = addr;
	if (name_is(name, n, "_etext"))
		k->text_end = addr;
	if (!addr || !n || n > 511 || !is_code(rest[1], name) || k->funcs.n >= MAX_FUNCS)
		return;
	module = strchr(name + n, '[');
	if (module) {
		f.module = module_named(k, module + 1, strcspn(module + 1, "]"));
		if (!f.module) /* [bpf] and the like are no modules: it is not told where they end */
			return;
	}
	f.name = add_name(k, name, n);
	*vec_add(&k->funcs) = f;
}

/* Whole lines of what is in buf; returns how many bytes are left over. */
static size_t take_lines(struct ksyms *k, char *buf, size_t n)
{
	char *line = buf, *end;

	buf[n] = '\0';
	while ((end = memchr(line, '\n', (size_t)(buf + n - line)))) {
		*end = '\0';
		func_line(k, line);
		line = end + 1;
	}
	n -= (size_t)(line - buf);
	memmove(buf, line, n);
	return n;
}

static int funcs_read(struct ksyms *k)
{
	__close int fd = open(k->kallsyms, O_RDONLY | O_CLOEXEC);
	__free char *buf = xmalloc(BLOCK + 1);
	size_t left = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + left, BLOCK - left)) > 0 || (n < 0 && errno == EINTR)) {
		left = take_lines(k, buf, left + (size_t)MAX(n, (ssize_t)0));
		if (left == BLOCK) /* no line is that long */
			return -EINVAL;
	}
	return n < 0 ? -errno : 0;
}

/* Of names for one address the first one stays in front: it is the one that the kernel prints. */
static int cmp_func(const void *a, const void *b)
{
	const struct func *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static void say_why(struct ksyms *k, int err)
{
	char level[16];

	if (err)
		snprintf(k->why, sizeof(k->why), "%s: %s", k->kallsyms, err_str(err));
	else if (file_read_line("/proc/sys/kernel/kptr_restrict", level, sizeof(level)) > 0 &&
		 !strcmp(level, "2"))
		snprintf(k->why, sizeof(k->why), "kernel.kptr_restrict is 2: the kernel hides its addresses");
	else
		snprintf(k->why, sizeof(k->why),
			 "the kernel hides its addresses from us: CAP_SYSLOG is missing");
}

/* Anew when modules have come or gone since. */
static void load(struct ksyms *k, uint64_t modules)
{
	int err;

	if (k->read && k->read_at == modules)
		return;
	forget(k);
	k->read = true;
	k->read_at = modules;
	modules_read(k);
	err = funcs_read(k);
	if (err || !k->text || k->text_end <= k->text) {
		forget(k);
		say_why(k, err);
		return;
	}
	qsort(k->funcs.v, k->funcs.n, sizeof(struct func), cmp_func);
}

static const struct func *func_before(const struct ksyms *k, uint64_t addr)
{
	size_t low = 0, high = k->funcs.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (k->funcs.v[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	while (low > 1 && k->funcs.v[low - 2].addr == k->funcs.v[low - 1].addr)
		low--;
	return low ? &k->funcs.v[low - 1] : NULL;
}

static bool in_text(const struct ksyms *k, uint64_t addr)
{
	return addr >= k->text && addr < k->text_end;
}

/* Is the address in the same piece of code as the function that begins before it? */
static bool reaches(const struct ksyms *k, const struct func *f, uint64_t addr)
{
	const struct module *m = f->module ? &k->modules.v[f->module - 1] : NULL;

	return m ? f->addr >= m->begin && addr < m->end : in_text(k, f->addr) && in_text(k, addr);
}

bool ksyms_fixed(struct ksyms *k, uint64_t addr)
{
	if (!k->read)
		load(k, ksyms_modules(k));
	return in_text(k, addr - 1);
}

void ksyms_find(struct ksyms *k, uint64_t addr, struct ksym *out)
{
	const struct func *f;

	*out = (struct ksym){};
	if (!ksyms_fixed(k, addr))
		load(k, ksyms_modules(k));
	/* the call itself: its return may be where the next function begins */
	f = func_before(k, addr - 1);
	if (*k->why) {
		out->why = k->why;
	} else if (!f || !reaches(k, f, addr - 1) || addr - f->addr > UINT32_MAX) {
		out->why = "no code of the kernel's own, or of a module";
	} else {
		out->function = k->names + f->name;
		out->module = f->module ? k->modules.v[f->module - 1].name : NULL;
		out->offset = (uint32_t)(addr - f->addr);
	}
}
