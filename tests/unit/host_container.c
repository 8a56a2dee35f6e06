/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Containers, pods and units by cgroup path, as the runtimes and distributions write them. */
#include <stdio.h>

#include "host/container.h"
#include "tests/test.h"

#define A64        "4f8d2c1b7a6e5f4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d"
#define B64        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define A12        "4f8d2c1b7a6e"
#define B12        "001122334455"
#define UID        "3a1e5c0f-8b7d-4c2e-9f10-1234567890ab"
#define UID_       "3a1e5c0f_8b7d_4c2e_9f10_1234567890ab"
#define STATIC_UID "0f902dcd2a58d2b2e1f0a7b4d1234567"
#define SLICES     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"
#define USER1000   "/user.slice/user-1000.slice/user@1000.service"

static const struct {
	const char *path, *runtime, *name, *pod, *unit;
} rows[] = {
	/* Docker */
	{ "/docker/" A64, "docker", A12, "", "" },
	{ "/system.slice/docker-" A64 ".scope", "docker", A12, "", "" },
	{ USER1000 "/user.slice/docker-" A64 ".scope", "docker", A12, "", "" },
	{ "/docker/" A64 "/docker/" B64, "docker", B12, "", "" },
	{ "/docker/" A64 "/system.slice/nginx.service", "docker", A12, "", "nginx.service" },
	{ "/system.slice/docker-" A64 ".scope/init.scope", "docker", A12, "", "init.scope" },
	{ "/actions_job/" A64, "docker", A12, "", "" },
	{ "/some.slice/" A64, "", A12, "", "" }, /* --cgroup-parent */
	{ "/system.slice/docker.service", "", "", "", "docker.service" },
	/* Kubernetes, systemd's driver */
	{ SLICES "/cri-containerd-" A64 ".scope", "containerd", A12, UID, "" },
	{ SLICES "/crio-" A64 ".scope", "cri-o", A12, UID, "" },
	{ SLICES "/crio-" A64 ".scope/container", "cri-o", A12, UID, "" },
	{ SLICES "/docker-" A64 ".scope", "docker", A12, UID, "" },
	{ SLICES "/crio-conmon-" A64 ".scope", "", "", UID, "crio-conmon-" A64 ".scope" },
	{ SLICES, "", "", UID, "" },
	{ "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" A64 ".scope", "containerd", A12, UID,
	  "" },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" STATIC_UID
	  ".slice/cri-containerd-" A64 ".scope",
	  "containerd", A12, STATIC_UID, "" },
	{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
	  "kubelet-kubepods-burstable-pod" UID_ ".slice/cri-containerd-" A64 ".scope",
	  "containerd", A12, UID, "" },
	{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" A64,
	  "containerd", A12, UID, "" },
	{ "/kubepods-besteffort-pod" UID_ ".slice:crio:" A64, "cri-o", A12, UID, "" },
	{ "/kubepods.slice/kubepods-burstable.slice", "", "", "", "kubepods-burstable.slice" },
	/* Kubernetes, plain folders */
	{ "/kubepods/burstable/pod" UID "/" A64, "kubernetes", A12, UID, "" },
	{ "/kubepods/besteffort/pod" UID "/" A64, "kubernetes", A12, UID, "" },
	{ "/kubepods/pod" UID "/" A64, "kubernetes", A12, UID, "" },
	{ "/kubepods/pod" UID "/crio-" A64, "cri-o", A12, UID, "" },
	{ "/kubepods/burstable/pod" UID, "", "", UID, "" },
	{ "/docker/" B64 "/kubelet/kubepods/burstable/pod" UID "/" A64, "kubernetes", A12, UID, "" },
	/* containerd without Kubernetes */
	{ "/k8s.io/" A64, "containerd", A12, "", "" },
	{ "/system.slice/nerdctl-" A64 ".scope", "containerd", A12, "", "" },
	{ "/system.slice/containerd.service", "", "", "", "containerd.service" },
	/* Podman */
	{ "/machine.slice/libpod-" A64 ".scope/container", "podman", A12, "", "" },
	{ "/machine.slice/libpod-" A64 ".scope", "podman", A12, "", "" },
	{ USER1000 "/user.slice/libpod-" A64 ".scope/container", "podman", A12, "", "" },
	{ "/machine.slice/machine-libpod_pod_" B64 ".slice/libpod-" A64 ".scope", "podman", A12, "", "" },
	{ "/libpod_parent/libpod-" A64, "podman", A12, "", "" },
	{ "/machine.slice/libpod-conmon-" A64 ".scope", "", "", "", "libpod-conmon-" A64 ".scope" },
	{ "/machine.slice/libpod-" A64 ".scope/container/system.slice/sshd.service", "podman", A12, "",
	  "sshd.service" },
	/* LXC, Proxmox, Incus */
	{ "/lxc/web1", "lxc", "web1", "", "" },
	{ "/lxc/101/ns/system.slice/cron.service", "lxc", "101", "", "cron.service" },
	{ "/lxc.payload.web1/init.scope", "lxc", "web1", "", "init.scope" },
	{ "/lxc.payload/web1", "lxc", "web1", "", "" },
	{ "/lxc.monitor.web1", "", "", "", "" },
	/* ECS */
	{ "/ecs/0123456789abcdef0123456789abcdef/" A64, "ecs", A12, "", "" },
	{ "/ecs/cluster/0123456789abcdef0123456789abcdef/" A64, "ecs", A12, "", "" },
	{ "/ecs/0123456789abcdef0123456789abcdef/4f8d2c1b7a6e5f4d3c2b1a0f9e8d7c6b-1234567890", "ecs", A12, "",
	  "" },
	{ "/ecstasks.slice/ecstasks-0123456789abcdef0123456789abcdef.slice/docker-" A64 ".scope", "docker",
	  A12, "", "" },
	{ "/garden/6f4b7a2e-1c2d-4e5f-8a9b-0c1d2e3f4a5b", "garden", "6f4b7a2e-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
	  "", "" },
	/* machines */
	{ "/machine.slice/systemd-nspawn@web\\x2d1.service/payload/init.scope", "nspawn", "web-1", "",
	  "init.scope" },
	{ "/machine.slice/machine-web.scope", "machine", "web", "", "" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm1.scope/libvirt/emulator", "libvirt", "1-vm1", "", "" },
	{ "/machine.slice/machine-a\\x0ab\\x1bc\\xzz\\x2.scope", "machine", "a\\x0ab\\x1bc\\xzz\\x2", "",
	  "" },
	/* systemd */
	{ "/system.slice/nginx.service", "", "", "", "nginx.service" },
	{ "/system.slice/system-postgresql.slice/postgresql@15-main.service", "", "", "",
	  "postgresql@15-main.service" },
	{ "/user.slice/user-1000.slice/session-3.scope", "", "", "", "session-3.scope" },
	{ USER1000 "/app.slice/app-firefox-1234.scope", "", "", "", "app-firefox-1234.scope" },
	{ USER1000 "/app.slice", "", "", "", "user@1000.service" },
	{ "/user.slice/user-1000.slice", "", "", "", "user-1000.slice" },
	{ "/init.scope", "", "", "", "init.scope" },
	{ "/system.slice/run-r0123:4.service", "", "", "", "run-r0123:4.service" },
	/* nothing to tell, and traps */
	{ "/", "", "", "", "" },
	{ "", "", "", "", "" },
	{ "/process_api/fdc000203e051c4dac468ab22bed1979", "", "", "", "" },
	{ "/docker", "", "", "", "" },
	{ "/docker/buildx", "", "", "", "" },
	{ "/system.slice/docker-compose.service", "", "", "", "docker-compose.service" },
	{ "/system.slice/docker-" A12 ".scope", "", "", "", "docker-" A12 ".scope" },
	{ "/docker/" A64 "0", "", "", "", "" },
	{ "/kubepods/pod" UID "x/", "", "", "", "" },
	{ "/podcast/pod1", "", "", "", "" },
	{ "/../../" A64, "", A12, "", "" },
	{ "//docker//" A64 "//", "docker", A12, "", "" },
	{ "/x.slice::/:/.slice/.service", "", "", "", "" },
};

void test_host_container_paths(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct container c;
		bool ok = true;

		container_parse(rows[i].path, &c);
		ok &= ASSERT_STR(c.runtime, rows[i].runtime);
		ok &= ASSERT_STR(c.name, rows[i].name);
		ok &= ASSERT_STR(c.pod, rows[i].pod);
		ok &= ASSERT_STR(c.unit, rows[i].unit);
		if (!ok)
			printf("# at %s\n", rows[i].path);
	}
}

static const char *name_of(const char *path, char *buf)
{
	struct container c;

	container_parse(path, &c);
	return container_name(&c, buf);
}

void test_host_container_name(void)
{
	char buf[CONTAINER_NAME_LEN], path[400];

	ASSERT_STR(name_of("/docker/" A64, buf), A12);
	ASSERT_STR(name_of("/lxc/web1/system.slice/x.service", buf), "web1");
	ASSERT_STR(name_of(SLICES, buf), "pod/" UID);
	ASSERT_STR(name_of("/system.slice/nginx.service", buf), "");
	/* a name longer than there is room for */
	snprintf(path, sizeof(path), "/lxc/%0300d", 0);
	ASSERT_EQ(strlen(name_of(path, buf)), CONTAINER_NAME_LEN - 1);
}

static bool is(const char *path, const char *want)
{
	struct container c;

	container_parse(path, &c);
	return container_is(&c, want);
}

void test_host_container_is(void)
{
	ASSERT(is("/docker/" A64, A12));
	ASSERT(is("/docker/" A64, A64));
	ASSERT(!is("/docker/" A64, "4f8d2c1b"));
	ASSERT(is(SLICES "/crio-" A64 ".scope", UID));
	ASSERT(is(SLICES "/crio-" A64 ".scope", A12));
	ASSERT(is(SLICES, "pod/" UID));
	ASSERT(is("/lxc/web1", "web1"));
	ASSERT(!is("/lxc/web1", "web"));
	ASSERT(!is("/system.slice/nginx.service", ""));
	ASSERT(!is("/docker/" A64, ""));
}
