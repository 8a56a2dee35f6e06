/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a cgroup path tells of the container, pod or systemd unit in it. Called by whoever names a
 * process. Pure: knows the path conventions of the runtimes and asks nobody. */
#ifndef HOST_CONTAINER_H
#define HOST_CONTAINER_H

#include "base/base.h"

#define CONTAINER_NAME_LEN 64

/* What is not known is "". All are bytes from outside: they leave through an encoder. */
struct container {
	const char *runtime;           /* "docker", "containerd", "cri-o", "podman", "lxc", …; static */
	char name[CONTAINER_NAME_LEN]; /* the first 12 digits of its id, or its name (LXC, machines) */
	char pod[40];                  /* the uid of its Kubernetes pod, with dashes */
	char unit[96];                 /* the innermost systemd service or scope, else slice */
};

/* Of containers inside a container the innermost counts. */
void container_parse(const char *path, struct container *c);

/*
 * The one name for it: the container's, else "pod/<uid>" for a process of a pod outside its
 * containers, else "" (buf has CONTAINER_NAME_LEN bytes). Returns buf.
 */
const char *container_name(const struct container *c, char *buf);

/* Whether this is what somebody means who writes `want`: its name, or its id however much of it
 * is given, or its pod. */
bool container_is(const struct container *c, const char *want);

#endif
