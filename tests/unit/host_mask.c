/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Masking of command lines: no secret passes, and what is none passes unharmed. */
#include <stdio.h>
#include <stdlib.h>

#include "host/mask.h"
#include "host/mask_rules.h"
#include "tests/test.h"

/* In the tables a ^ stands for the NUL between two words. */
static void mask_words_of(const char *text, struct str *out)
{
	char *argv = strdup(text);
	size_t n = strlen(text) + 1;

	for (char *p = argv; *p; p++)
		*p = *p == '^' ? '\0' : *p;
	str_reset(out);
	mask_cmdline(argv, n, out);
	free(argv);
}

/* Whether any five bytes in a row of the secret are in text. */
static bool leaks(const char *text, const char *secret)
{
	size_t n = strlen(secret), piece = MIN(n, (size_t)5);

	for (size_t i = 0; i + piece <= n; i++) {
		if (memmem(text, strlen(text), secret + i, piece))
			return true;
	}
	return false;
}

#define S      "Tr0ub4dor.x7" /* a password */
#define HEX32  "9f86d081884c7d659a2feaa0c55ad015"
#define HEX64  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define AWS    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXbMPLxKEY"
#define GHP    "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
#define JWT    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
#define RANDOM "kQ3vZr8Lx2Np9Tf6Wb1Yh4Jd"

static const struct {
	const char *cmd, *secret, *keep;
} secrets[] = {
	/* options with a secret-like name */
	{ "app^--password=" S "^--port=8080", S, "--port=8080" },
	{ "app^--password^" S "^--port^8080", S, "--port 8080" },
	{ "app^-password^" S, S, "app -password ***" },
	{ "app^-password=" S, S, "app -password=***" },
	{ "app^--db-password=a b " S "^-x", S, "-x" },
	{ "app^--password=" S ",with,commas;and&more'quotes", "with,commas;and&more'quotes", "app" },
	{ "app^--token=" S, S, "--token=***" },
	{ "app^--auth-token^" S, S, "--auth-token ***" },
	{ "app^--api-key=" S, S, "--api-key=***" },
	{ "app^--apiKey^" S, S, "--apiKey ***" },
	{ "app^--client_secret=" S, S, "--client_secret=***" },
	{ "app^--secret-key=" S, S, NULL },
	{ "app^--aws-access-key-id=" S, S, NULL },
	{ "app^--license-key=" S, S, NULL },
	{ "app^--passphrase^" S, S, NULL },
	{ "app^--requirepass^" S, S, NULL },
	{ "redis-server^*:6379^--masterauth^" S, S, "*:6379" },
	{ "app^--session-cookie=" S, S, NULL },
	{ "app^--vault-token=" S, S, NULL },
	{ "app^--ssh-passphrase=" S, S, NULL },
	{ "app^--token_2=" S, S, NULL },
	{ "app^--password^-S3cr3t!", "-S3cr3t!", NULL },
	{ "java^-Dspring.datasource.password=" S "^-jar^app.jar", S, "-jar app.jar" },
	{ "java^-Djavax.net.ssl.keyStorePassword=" S, S, "keyStorePassword=***" },
	{ "keytool^-list^-storepass^" S "^-keystore^/etc/ks.jks", S, "-keystore /etc/ks.jks" },
	{ "beam.smp^-setcookie^" S "^-name^rabbit@host", S, "-name rabbit@host" },
	{ "dotnet^app.dll^--ConnectionString=Server=db;User Id=sa;Password=" S ";Encrypt=true", S,
	  "Server=db" },
	{ "app^--set^auth.password=" S, S, "auth.password=***" },
	{ "helm^install^x^--set=db.rootPassword=" S ",replicas=3", S, "helm install x" },
	/* variables */
	{ "env^PGPASSWORD=" S "^psql^-h^db", S, "psql -h db" },
	{ "docker^run^-e^MYSQL_ROOT_PASSWORD=" S "^mysql:8", S, "mysql:8" },
	{ "docker^run^-eAPI_TOKEN=" S "^img", S, "img" },
	{ "docker^run^--env=DB_PASSWORD_PROD=" S, S, "docker run" },
	{ "env^AWS_SECRET_ACCESS_KEY=" AWS "^aws^s3^ls", AWS, "aws s3 ls" },
	{ "env^SECRET_KEY_BASE=" S, S, NULL },
	{ "env^PWD=" S, S, NULL }, /* no folder */
	{ "mount^-t^cifs^-o^username=joe,password=" S ",vers=3^//srv/x^/mnt", S, "username=joe" },
	{ "psql^host=db user=joe password='it is " S "' dbname=x", S, "dbname=x" },
	/* programs with letters of their own */
	{ "mysql^-u^root^-p" S "^db", S, "mysql -u root -p*** db" },
	{ "/usr/bin/mysqldump^-p" S, S, NULL },
	{ "mariadb-dump^-p" S, S, NULL },
	{ "mysqladmin^-u^root^password^" S, S, "password ***" },
	{ "sshpass^-p^" S "^ssh^-p^22^host", S, "ssh -p 22 host" },
	{ "sshpass^-p" S "^ssh^host", S, "ssh host" },
	{ "redis-cli^-h^h^-a^" S "^ping", S, "ping" },
	{ "redis-cli^AUTH^" S, S, NULL },
	{ "mongodump^-u^joe^-p^" S, S, "-u joe" },
	{ "ldapsearch^-x^-D^cn=admin^-w^" S "^-b^dc=x", S, "-b dc=x" },
	{ "curl^-u^joe:" S "^http://h/", S, "joe:*** http://h/" },
	{ "curl^-sSu^joe:" S "^http://h/", S, "http://h/" },
	{ "curl^-ujoe:" S, S, "-ujoe:***" },
	{ "curl^--user=joe:" S, S, "--user=joe:***" },
	{ "curl^-u^" S ":^http://h", S, "http://h" },
	{ "curl^-b^sid=" S "^http://h", S, "http://h" },
	{ "smbclient^//h/s^-U^joe%" S, S, "joe%***" },
	{ "lftp^-u^joe," S "^h", S, NULL },
	{ "7z^x^-p" S "^a.7z", S, "a.7z" },
	{ "unzip^-P^" S "^a.zip", S, "a.zip" },
	{ "ipmitool^-H^h^-U^admin^-P^" S "^power", S, "power" },
	{ "snmpwalk^-v2c^-c^" S "^h", S, "-v2c" },
	{ "openssl^rsa^-passin^pass:" S, S, NULL },
	{ "openssl^enc^-k^" S, S, NULL },
	{ "htpasswd^-b^/etc/f^joe^" S, S, "/etc/f" },
	{ "rabbitmqctl^add_user^joe^" S, S, "joe" },
	{ "vault^login^" S, S, NULL },
	{ "mc^alias^set^m^http://h^AK^" S, S, "http://h" },
	{ "docker^login^-u^joe^-p^" S "^reg", S, "reg" },
	{ "xfreerdp^/u:joe^/p:" S "^/v:h", S, "/v:h" },
	{ "sqlplus^joe/" S "@orcl", S, "joe/***@orcl" },
	{ "aws^configure^set^aws_secret_access_key^" S, S, NULL },
	{ "nmcli^dev^wifi^connect^home^password^" S, S, "home" },
	{ "sudo^-u^x^docker^exec^db^mysql^-p" S, S, "docker exec db mysql" },
	/* URLs */
	{ "app^postgres://joe:" S "@db:5432/x?sslmode=off", S, "postgres://joe:***@db:5432/x?sslmode=***" },
	{ "git^clone^https://joe:" S "@github.com/x/y", S, "https://***@github.com/x/y" },
	{ "git^clone^https://" S "@github.com/x/y", S, "@github.com/x/y" },
	{ "app^redis://:" S "@h:6379/0", S, "@h:6379/0" },
	{ "app^--url=amqp://joe:p/" S "@h/v", S, "@h/v" },
	{ "app^--url=amqp://joe:p@" S "@h/v", S, "@h/v" },
	{ "app^mongodb://a:b" S "@h1:1,h2:2/x", S, "@h1:1,h2:2/x" },
	{ "app^--brokers=http://a:1,http://joe:" S "@b:2", S, "http://a" },
	{ "curl^http://h/p?q=" S "&sig=" S "#access_token=" S, S,
	  "http://h/p?q=***&sig=***#access_token=***" },
	{ "java^-jar^x.jar^jdbc:mysql://h/d?user=joe&password=" S, S, "jdbc:mysql://h/d?user=***" },
	{ "java^jdbc:sqlserver://h;user=sa;password=" S, S, "h;user=sa" },
	{ "curl^-x^joe:" S "@proxy:8080^http://h", S, "joe:***@proxy:8080" },
	{ "curl^https://hooks.slack.com/services/T0AB/B0CD/" RANDOM, RANDOM, "hooks.slack.com/services" },
	/* headers and bodies */
	{ "curl^-H^Authorization: Bearer " S, S, "Authorization: ***" },
	{ "curl^-H^X-Api-Key: " S, S, "X-Api-Key: ***" },
	{ "curl^-H^Cookie: a=" S "; b=" S, S, NULL },
	{ "curl^-HX-Auth-Token:" S, S, NULL },
	{ "curl^--header=Authorization: token " S, S, NULL },
	{ "curl^-d^{\"user\":\"joe\",\"password\":\"" S "\",\"x\":1}", S, "\"user\":\"joe\"" },
	{ "curl^-d^{\"user\": \"joe\", \"password\": \"a " S "\", \"x\": 1}", S, "\"x\": 1" },
	{ "curl^--data-urlencode^password=" S, S, NULL },
	{ "git^-c^http.extraheader=AUTHORIZATION: basic " S "^fetch", S, "fetch" },
	{ "app^Bearer " S, S, NULL },
	/* kinds of keys, and what only looks random */
	{ "app^" GHP, GHP, "app ***" },
	{ "app^--x=" JWT, JWT, "--x=***" },
	{ "app^AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE", NULL },
	{ "app^" AWS, AWS, "app ***" },
	{ "app^x/" GHP, GHP, NULL },
	{ "app^xoxb-123456789012-abcdefXYZ", "xoxb-123456789012-abcdefXYZ", NULL },
	{ "app^sk_live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39HqLyjWDarjtT1zdp7dc", NULL },
	{ "app^--name=" RANDOM "==", RANDOM, "--name=***" },
	{ "app^" HEX32, HEX32, "app ***" },
	{ "app^k3j5h2k1q9w8e7r6t5y4u3i2o1", "k3j5h2k1q9w8e7r6t5y4u3i2o1", NULL },
	{ "app^--key=-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAK" S, "MIIEpAIBAAK" S, "app --key=" },
	/* scripts */
	{ "sh^-c^mysql -u root -p" S " db | gzip > /x", S, "db | gzip > /x" },
	{ "bash^-c^PGPASSWORD=" S " psql -h db", S, "psql -h db" },
	{ "bash^-c^cd /x && sshpass -p '" S "' ssh h", S, "ssh h" },
	{ "sh^-c^curl -H 'Authorization: Bearer " S "' http://h/", S, "http://h/" },
	{ "sh^-c^bash -c \"mysql -p" S "\"; ls", S, "; ls" },
	{ "sh^-c^app --password \"a " S "\" --port 1", S, "--port 1" },
	{ "sh^-c^export TOKEN=\"" S "\"; run", S, "; run" },
	{ "mysql^-e^ALTER USER joe IDENTIFIED BY '" S "'", S, "ALTER USER joe" },
	{ "mysql^-e^SET PASSWORD = '" S "'", S, NULL },
	{ "mysql^-e^SELECT PASSWORD('" S "')", S, NULL },
};

void test_host_mask_secrets(void)
{
	struct str out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		bool ok;

		mask_words_of(secrets[i].cmd, &out);
		ok = ASSERT(!leaks(str_get(&out), secrets[i].secret));
		ok &= ASSERT(strstr(str_get(&out), "***") != NULL);
		if (secrets[i].keep)
			ok &= ASSERT(strstr(str_get(&out), secrets[i].keep) != NULL);
		if (!ok)
			printf("# %s\n# -> %s\n", secrets[i].cmd, str_get(&out));
	}
	str_free(&out);
}

static const char *const harmless[] = {
	"postgres: checkpointer",
	"postgres: app orders 10.0.0.7(51442) idle in transaction",
	"nginx: worker process",
	"nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
	"sshd: joe@pts/0",
	"/usr/sbin/sshd^-D",
	"java^-jar^app.jar^--port=8080",
	"java^-Xmx4g^-XX:+UseG1GC^-XX:InitiatingHeapOccupancyPercent=35^-Djava.awt.headless=true^"
	"-Dkafka.logs.dir=/opt/kafka/bin/../logs^-cp^/opt/kafka/libs/activation-1.1.1.jar:/opt/kafka/libs/"
	"kafka_2.13-3.6.0.jar^kafka.Kafka^/etc/kafka/server.properties",
	"java^-Dlog4j.configuration=file:/etc/"
	"log4j.properties^org.apache.kafka.connect.cli.ConnectDistributed",
	"java^-Djava.security.egd=file:/dev/./urandom^-XX:HeapDumpPath=/var/dumps/heap.hprof^-ea",
	"ssh^-p^8080^joe@host",
	"ssh^-p8080^host",
	"ssh^-i^/home/joe/.ssh/id_ed25519^-o^StrictHostKeyChecking=no^host",
	"ssh^-L^8080:localhost:80^joe@host",
	"rsync^-a^host:/data/^/backup/2024-01-15T10:20:30Z/",
	"docker^run^-p^8080:80^--name^web^nginx:1.25",
	"docker^exec^" HEX64 "^sh",
	"docker-proxy^-proto^tcp^-host-ip^0.0.0.0^-host-port^8080^-container-ip^172.17.0.2^-container-port^"
	"80",
	"/usr/bin/containerd-shim-runc-v2^-namespace^moby^-id^" HEX64
	"^-address^/run/containerd/containerd.sock",
	"runc^--root^/run/runc^--log^/run/containerd/" HEX64 "/log.json^start^" HEX64,
	"podman^pull^docker.io/library/nginx@sha256:" HEX64,
	"app^--image=nginx:1.25@sha256:" HEX64,
	"app^--container^" HEX64,
	"tail^-f^/var/lib/docker/containers/" HEX64 "/" HEX64 "-json.log",
	"/nix/store/0c0mhpymzy3xh9q6mx4k6jmgjg2rhlvb-bash-5.2/bin/bash",
	"git^checkout^2fd4e1c67a2d28fced849ee1bb76e7391b93eb12",
	"git^clone^git@github.com:torvalds/linux.git",
	"git^clone^ssh://git@github.com/x/y.git",
	"mysqld^--defaults-file=/etc/mysql/my.cnf^--port=3306^--pid-file=/run/mysqld.pid",
	"mysql^-u^root^-p^orders",
	"systemctl^restart^mysql.service",
	"mongod^--auth^--port^27017^--dbpath^/var/lib/mongodb",
	"redis-server 127.0.0.1:6379",
	"psql^-h^db^-p^5432^-U^joe^-w^orders",
	"pg_dump^--no-password^orders",
	"app^--password-file=/run/secrets/db^--token-ttl=5m^--secret-name=web-tls",
	"app^--password-file^/run/secrets/db",
	"docker^login^--password-stdin^registry.example.com",
	"ansible-playbook^--ask-become-pass^site.yml",
	"vllm^serve^--max-tokens=4096^--max-num-batched-tokens^8192^--tokenizer=gpt2",
	"Xorg^:0^-auth^/var/run/lightdm/root/:0^-nolisten^tcp",
	"app^--private-key^/etc/ssl/private/server.key^--tls-cert=/etc/ssl/server.pem",
	"app^--key=/etc/ssl/k.pem^--sort-key=ts^--partition-key=user_id",
	"app^--auth=none^--auth-method=token^--enable-token-auth",
	"GOOGLE_APPLICATION_CREDENTIALS=/etc/gcp.json^app",
	"env^PWD=/home/joe^OLDPWD=/tmp^HOME=/root^PATH=/usr/bin:/bin^app",
	"kubelet^--node-ip=10.0.0.1^--pod-infra-container-image=k8s.gcr.io/pause:3.9",
	"kube-proxy^--config=/var/lib/kube-proxy/config.conf^--hostname-override=node-1",
	"/pause",
	"etcd^--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379",
	"coredns-5d78c9869d-abcde",
	"app^--uuid^3a1e5c0f-8b7d-4c2e-9f10-1234567890ab",
	"app^3a1e5c0f-8b7d-4c2e-9f10-1234567890ab",
	"chrome^--type=renderer^--field-trial-handle=1718379636,r,12345678901234567890,98765432109876543210^"
	"--enable-features=NetworkServiceInProcess2,WebUIDarkMode",
	"python3^-m^http.server^8000",
	"python3^manage.py^runserver^0.0.0.0:8000",
	"node^/srv/app/node_modules/.bin/webpack^--mode^production",
	"gcc^-O2^-Wall^-DNDEBUG=1^-I/usr/include/x86_64-linux-gnu^-c^main.c",
	"make^-j8^ARCH=x86_64^CROSS_COMPILE=x86_64-linux-gnu-",
	"find^/^-name^*.c^-newer^x",
	"grep^-r^foo^/etc",
	"sh^-c^while true; do date; sleep 1; done",
	"bash^-c^cd /srv && ./run.sh --port 80 | tee log 2>&1",
	"awk^-F:^{print $1}^/etc/passwd",
	"passwd^joe",
	"/lib/systemd/systemd^--switched-root^--system^--deserialize^31",
	"/usr/bin/dbus-daemon^--system^--address=systemd:^--nofork^--nopidfile^--systemd-activation",
	"systemd-tty-ask-password-agent^--watch",
	"qemu-system-x86_64^-name^guest=vm1^-m^2048^-netdev^user,id=n0,hostfwd=tcp::2222-:22",
	"fio^--name=randwrite^--rw=randwrite^--bs=4k^--iodepth=16^--filename=/dev/nvme0n1",
	"/opt/AbstractApplicationContextFactory/bin/run",
	"curl^http://127.0.0.1:9090/metrics",
	"curl^http://[::1]:8080/x",
	"caf\xc3\xa9^\xff\xfe",
	"",
};

void test_host_mask_harmless(void)
{
	struct str out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
		char want[600];

		snprintf(want, sizeof(want), "%s", harmless[i]);
		for (char *p = want; *p; p++)
			*p = *p == '^' ? ' ' : *p;
		mask_words_of(harmless[i], &out);
		ASSERT_STR(str_get(&out), want);
	}
	str_free(&out);
}

/* Titles with NULs behind them, words that were cut, more than is looked at, nothing at all. */
void test_host_mask_edges(void)
{
	static char big[3 * MASK_INPUT_MAX];
	struct str out = { 0 };

	mask_cmdline("nginx: worker\0\0\0\0", 17, &out);
	ASSERT_STR(str_get(&out), "nginx: worker");
	str_reset(&out);
	mask_cmdline("app\0\0--x\0", 9, &out);
	ASSERT_STR(str_get(&out), "app  --x");
	str_reset(&out);
	mask_cmdline("app\0--password\0\0secret1\0", 24, &out);
	ASSERT(!leaks(str_get(&out), "secret1"));
	str_reset(&out);
	mask_cmdline("app\0ghp_16C7e", 13, &out);
	ASSERT_STR(str_get(&out), "app ...");
	str_reset(&out);
	mask_cmdline("title without its end", 21, &out);
	ASSERT_STR(str_get(&out), "title without its end");
	str_reset(&out);
	mask_cmdline("", 0, &out);
	mask_cmdline("\0\0\0", 3, &out);
	ASSERT_STR(str_get(&out), "");

	memset(big, 'a', sizeof(big));
	big[3] = '\0';
	mask_cmdline(big, sizeof(big), &out);
	ASSERT_STR(str_get(&out), "aaa ...");
	str_free(&out);
}

/* Nothing that anybody passes makes it slow, deep or read beyond its bytes. */
void test_host_mask_hostile(void)
{
	static const char *const pieces[] = { "a://",        "a:", "'",    "\"a ", "sh -c '", "/",
					      "--password ", "=",  "\\",   "a:b@", "?a=",     "password\"",
					      "(",           "$(", "AKIA", "- ",   "{\"",     "-----BEGIN" };
	struct str out = { 0 };
	char *exact = malloc(MASK_INPUT_MAX);

	for (size_t p = 0; p < ARRAY_SIZE(pieces); p++) {
		size_t n = strlen(pieces[p]);

		for (size_t i = 0; i < MASK_INPUT_MAX; i++)
			exact[i] = pieces[p][i % n];
		str_reset(&out);
		mask_cmdline(exact, MASK_INPUT_MAX, &out);
		ASSERT(out.len <= 4 * MASK_INPUT_MAX);
	}
	srand(7);
	for (int round = 0; round < 2000; round++) {
		size_t n = 0;

		while (n < 200) {
			const char *piece = pieces[(size_t)rand() % ARRAY_SIZE(pieces)];
			size_t len = strlen(piece);

			memcpy(exact + n, piece, len);
			n += len;
			exact[n++] = rand() % 4 ? ' ' : '\0';
		}
		str_reset(&out);
		mask_cmdline(exact, n, &out);
		ASSERT(out.len <= 4 * n);
	}
	free(exact);
	str_free(&out);
}

void test_host_mask_random(void)
{
	static const struct {
		const char *run;
		bool hex, random;
	} rows[] = {
		{ RANDOM, true, true },
		{ HEX32, true, true },
		{ HEX32, false, false },
		{ "0123456789abcdef", true, false }, /* short */
		{ "12345678901234567890123456789012", true, false },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1", true, false },
		{ "AbstractSingletonProxyFactoryBean", true, false },
		{ "x86_64-unknown-linux-gnu-gcc-12", true, false },
		{ "3a1e5c0f-8b7d-4c2e-9f10-1234567890ab", true, false },
		{ "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", true, true },
		{ "2024-01-15T10-20-30Z-snapshot-daily", true, false },
		{ "", true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct span s = { rows[i].run, strlen(rows[i].run) };

		if (!ASSERT_EQ(looks_random(s, rows[i].hex), rows[i].random))
			printf("# %s\n", rows[i].run);
	}
}

/* As many words come out as went in, blanks in them or not. */
void test_host_mask_argv(void)
{
	static const char in[] = "sh\0-c\0sleep 1; ls\0--password\0a b\0";
	static const char want[] = "sh\0-c\0sleep 1; ls\0--password\0***\0";
	struct str out = { 0 };

	mask_argv(in, sizeof(in) - 1, &out);
	if (ASSERT_EQ(out.len, sizeof(want) - 1))
		ASSERT(!memcmp(out.s, want, sizeof(want)));
	str_free(&out);
}
