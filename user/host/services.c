/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The ports that servers are mostly found at, as IANA or the servers call them. For probe/tcp.c. */
#include "host/services.h"

static const struct {
	uint16_t port;
	const char *name;
} services[] = {
	{ 20, "ftp-data" },
	{ 21, "ftp" },
	{ 22, "ssh" },
	{ 23, "telnet" },
	{ 25, "smtp" },
	{ 53, "domain" },
	{ 80, "http" },
	{ 88, "kerberos" },
	{ 110, "pop3" },
	{ 111, "sunrpc" },
	{ 139, "netbios-ssn" },
	{ 143, "imap" },
	{ 179, "bgp" },
	{ 389, "ldap" },
	{ 443, "https" },
	{ 445, "microsoft-ds" },
	{ 465, "submissions" },
	{ 514, "shell" },
	{ 587, "submission" },
	{ 636, "ldaps" },
	{ 853, "domain-s" },
	{ 873, "rsync" },
	{ 993, "imaps" },
	{ 995, "pop3s" },
	{ 1433, "ms-sql-s" },
	{ 1521, "oracle" },
	{ 1883, "mqtt" },
	{ 2049, "nfs" },
	{ 2181, "zookeeper" },
	{ 2375, "docker" },
	{ 2379, "etcd-client" },
	{ 2380, "etcd-server" },
	{ 3128, "squid" },
	{ 3260, "iscsi-target" },
	{ 3306, "mysql" },
	{ 3389, "ms-wbt-server" },
	{ 4222, "nats" },
	{ 4317, "otlp-grpc" },
	{ 4318, "otlp-http" },
	{ 5201, "iperf3" },
	{ 5222, "xmpp-client" },
	{ 5432, "postgresql" },
	{ 5671, "amqps" },
	{ 5672, "amqp" },
	{ 5900, "vnc" },
	{ 6379, "redis" },
	{ 6432, "pgbouncer" },
	{ 6443, "kubernetes" },
	{ 8086, "influxdb" },
	{ 8300, "consul" },
	{ 8500, "consul-http" },
	{ 8883, "mqtts" },
	{ 9042, "cassandra" },
	{ 9090, "prometheus" },
	{ 9092, "kafka" },
	{ 9100, "node-exporter" },
	{ 9200, "elasticsearch" },
	{ 9300, "elasticsearch-node" },
	{ 10250, "kubelet" },
	{ 11211, "memcached" },
	{ 26379, "redis-sentinel" },
	{ 27017, "mongodb" },
};

const char *service_name(uint64_t port)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (services[i].port == port)
			return services[i].name;
	return NULL;
}
