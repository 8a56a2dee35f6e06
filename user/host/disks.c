/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Disks, from /proc/diskstats and /sys/dev/block. Called by kern/. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "host/disks.h"
#include "host/file.h"
#include "host/system.h"

#define SECTOR    512
#define PATH_ROOM 128
#define MAX_NAMES 32

/* major minor name, then: reads merged sectors ms writes merged sectors ms in-flight busy-ms
 * weighted-ms, and more on newer kernels (Documentation/admin-guide/iostats.rst). */
enum {
	READS,
	READS_MERGED,
	READ_SECTORS,
	READ_MS,
	WRITES,
	WRITES_MERGED,
	WRITE_SECTORS,
	WRITE_MS,
	IN_FLIGHT,
	BUSY_MS,
	WEIGHTED_MS,
	NR_FIGURES
};

int disk_stat_parse(const char **at, struct disk_stat *s)
{
	const char *line = *at, *end = strchr(line, '\n'), *p;
	uint64_t v[NR_FIGURES];
	unsigned int major, minor;
	int used = 0;

	if (!*line)
		return -ENOENT;
	*at = end ? end + 1 : line + strlen(line);
	if (sscanf(line, "%u %u %63s%n", &major, &minor, s->name, &used) != 3)
		return -EINVAL;
	p = line + used;
	for (int i = 0; i < NR_FIGURES; i++) {
		while (*p == ' ')
			p++;
		if (parse_u64(&p, &v[i]))
			return -EINVAL;
	}
	s->dev = dev_make(major, minor);
	s->reads = v[READS];
	s->writes = v[WRITES];
	s->merged[0] = v[READS_MERGED];
	s->merged[1] = v[WRITES_MERGED];
	s->in_flight = (uint32_t)v[IN_FLIGHT];
	s->busy_ns = v[BUSY_MS] * NSEC_PER_MSEC;
	s->weighted_ns = v[WEIGHTED_MS] * NSEC_PER_MSEC;
	return 0;
}

uint64_t disk_set(const char *stats)
{
	uint64_t set = 0;

	for (const char *line = stats, *end, *p; *line; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		p = line;
		for (int word = 0; word < 3; word++) {
			p += strspn(p, " ");
			p += strcspn(p, " \n");
		}
		set = set * 31 + hash_bytes(line, (size_t)(p - line));
	}
	return set;
}

static ssize_t read_of(uint32_t dev, const char *file, char *buf, size_t size)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", dev_major(dev), dev_minor(dev), file);
	return file_read_line(path, buf, size);
}

void disk_name(uint32_t dev, char name[DISK_NAME_LEN])
{
	char path[PATH_ROOM], target[512], *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", dev_major(dev), dev_minor(dev));
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	slash = strrchr(target, '/');
	if (slash)
		snprintf(name, DISK_NAME_LEN, "%.*s", DISK_NAME_LEN - 1, slash + 1);
}

static uint64_t number_of(uint32_t dev, const char *file)
{
	char buf[32];

	return read_of(dev, file, buf, sizeof(buf)) > 0 ? strtoull(buf, NULL, 10) : 0;
}

/* The disk that a partition is of, by the folder that it stands in; false: it is none. */
static bool partition(uint32_t dev, struct disk_about *a)
{
	char path[PATH_ROOM], buf[DISK_NAME_LEN], link[512], *slash, *name;
	unsigned int major, minor;

	if (read_of(dev, "partition", buf, sizeof(buf)) <= 0)
		return false;
	if (read_of(dev, "../dev", buf, sizeof(buf)) > 0 && sscanf(buf, "%u:%u", &major, &minor) == 2)
		a->whole = dev_make(major, minor);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", dev_major(dev), dev_minor(dev));
	if (file_read_link(path, link, sizeof(link)) <= 0 || !(slash = strrchr(link, '/')))
		return true;
	*slash = '\0';
	name = strrchr(link, '/');
	str_add(&a->below, name ? name + 1 : link);
	return true;
}

/* The names in one of a device's folders. */
static void names_in(uint32_t dev, const char *folder, struct str *out)
{
	char path[PATH_ROOM];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", dev_major(dev), dev_minor(dev), folder);
	d = opendir(path);
	while (d && n < MAX_NAMES && (e = readdir(d)))
		if (*e->d_name != '.')
			str_addf(out, "%s%s", n++ ? " " : "", e->d_name);
	if (d)
		closedir(d);
}

static void line_of(uint32_t dev, const char *file, struct str *out)
{
	char line[4096];

	if (read_of(dev, file, line, sizeof(line)) > 0)
		str_add(out, line);
}

void disk_about(uint32_t dev, struct disk_about *a)
{
	str_reset(&a->below);
	str_reset(&a->above);
	str_reset(&a->label);
	a->whole = dev;
	a->rotates = a->stacked = false;
	a->size_bytes = number_of(dev, "size") * SECTOR;
	names_in(dev, "holders", &a->above);
	if (partition(dev, a))
		return;
	a->rotates = number_of(dev, "queue/rotational");
	names_in(dev, "slaves", &a->below);
	a->stacked = a->below.len > 0;
	if (!a->stacked)
		line_of(dev, "loop/backing_file", &a->below);
	line_of(dev, "dm/name", &a->label);
}

void disk_about_fini(struct disk_about *a)
{
	str_free(&a->below);
	str_free(&a->above);
	str_free(&a->label);
}
