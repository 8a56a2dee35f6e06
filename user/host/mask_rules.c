/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Owns the tables of masking: keys of secrets, kinds of tokens, programs. Called by mask.c. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "host/mask_rules.h"

bool span_starts(struct span s, const char *word)
{
	size_t n = strlen(word);

	return s.n >= n && !strncasecmp(s.s, word, n);
}

bool span_is(struct span s, const char *word)
{
	return s.n == strlen(word) && span_starts(s, word);
}

static bool span_ends(struct span s, const char *word)
{
	size_t n = strlen(word);

	return s.n >= n && !strncasecmp(s.s + s.n - n, word, n);
}

/* ---- keys ------------------------------------------------------------------ */

enum where { WHOLE, END, ANY };

/* Keys are compared in lower case without their separators: "X-Api-Key" is "xapikey". */
static const struct {
	const char *word;
	enum where where;
	enum key_kind kind;
} keys[] = {
	{ "password", ANY, KEY_STRONG },
	{ "passwd", ANY, KEY_STRONG },
	{ "passphrase", ANY, KEY_STRONG },
	{ "passcode", ANY, KEY_STRONG },
	{ "secret", ANY, KEY_STRONG },
	{ "authorization", END, KEY_STRONG },
	{ "pass", END, KEY_STRONG },
	{ "passwort", END, KEY_STRONG },
	{ "token", END, KEY_STRONG },
	{ "cookie", END, KEY_STRONG },
	{ "psk", END, KEY_STRONG },
	{ "jwt", END, KEY_STRONG },
	{ "pincode", END, KEY_STRONG },
	{ "pin", WHOLE, KEY_STRONG },
	{ "otp", WHOLE, KEY_STRONG },
	{ "bearer", END, KEY_STRONG },
	{ "mnemonic", END, KEY_STRONG },
	{ "sharedaccesssignature", END, KEY_STRONG },
	{ "community", END, KEY_STRONG },
	{ "masterauth", END, KEY_STRONG },
	{ "pwd", END, KEY_WEAK }, /* a password for databases, a folder for shells */
	{ "token", ANY, KEY_WEAK },
	{ "credential", ANY, KEY_WEAK },
	{ "creds", END, KEY_WEAK },
	{ "auth", END, KEY_WEAK },
	{ "sessionid", END, KEY_WEAK },
	{ "accesskeyid", END, KEY_WEAK },
	{ "apikey", ANY, KEY_WEAK },
	{ "accesskey", END, KEY_WEAK },
	{ "secretkey", END, KEY_WEAK },
	{ "privatekey", END, KEY_WEAK },
	{ "encryptionkey", END, KEY_WEAK },
	{ "licensekey", END, KEY_WEAK },
	{ "accountkey", END, KEY_WEAK },
	{ "signingkey", END, KEY_WEAK },
	{ "masterkey", END, KEY_WEAK },
	{ "sharedkey", END, KEY_WEAK },
	{ "authkey", END, KEY_WEAK },
	{ "servicekey", END, KEY_WEAK },
	{ "appkey", END, KEY_WEAK },
	{ "applicationkey", END, KEY_WEAK },
	{ "storagekey", END, KEY_WEAK },
	{ "subscriptionkey", END, KEY_WEAK },
	{ "instrumentationkey", END, KEY_WEAK },
	{ "consumerkey", END, KEY_WEAK },
	{ "writekey", END, KEY_WEAK },
	{ "adminkey", END, KEY_WEAK },
	{ "userkey", END, KEY_WEAK },
	{ "streamkey", END, KEY_WEAK },
	{ "sessionkey", END, KEY_WEAK },
	{ "deploykey", END, KEY_WEAK },
	{ "aeskey", END, KEY_WEAK },
	{ "hmackey", END, KEY_WEAK },
	{ "sas", WHOLE, KEY_WEAK },
};

/* A key that ends so speaks about a secret, and does not hold one. */
static const char *const about[] = {
	"file",    "path",     "dir",     "name",     "type",     "ttl",        "length",    "timeout",
	"policy",  "stdin",    "prompt",  "format",   "enabled",  "required",   "command",   "cmd",
	"url",     "uri",      "agent",   "expiry",   "lifetime", "count",      "limit",     "size",
	"method",  "mode",     "version", "provider", "interval", "endpoint",   "issuer",    "bypass",
	"compass", "header",   "field",   "env",      "fd",       "tokens",     "tokenizer", "tokenization",
	"folder",  "location", "backend", "engine",   "rotation", "expiration", "proxypass", "audience",
	"store",   "manager",  "noauth",
};

/* So does one that begins so, the separator included: switches without a value. */
static const char *const about_first[] = { "no-",   "ask-",  "use-",  "enable-",  "disable-", "allow-",
					   "show-", "hide-", "skip-", "without-", "prompt-",  "require-",
					   "max-",  "min-",  "has-",  "is-",      "ignore-",  "force-" };

/* The last characters of the key that matter. */
#define SQUEEZED_MAX 64

static struct span squeeze(struct span key, char *buf)
{
	size_t n = 0, from = key.n > SQUEEZED_MAX ? key.n - SQUEEZED_MAX : 0;

	for (size_t i = from; i < key.n; i++) {
		if (isalnum((unsigned char)key.s[i]))
			buf[n++] = (char)tolower((unsigned char)key.s[i]);
	}
	return (struct span){ buf, n };
}

static struct span without_dashes(struct span key)
{
	while (key.n && *key.s == '-') {
		key.s++;
		key.n--;
	}
	return key;
}

static bool key_fits(struct span key, const char *word, enum where where)
{
	if (where == WHOLE)
		return span_is(key, word);
	if (where == END)
		return span_ends(key, word);
	return memmem(key.s, key.n, word, strlen(word)) != NULL;
}

enum key_kind key_kind(struct span key)
{
	char buf[SQUEEZED_MAX];

	key = without_dashes(key);
	for (size_t i = 0; i < ARRAY_SIZE(about_first); i++) {
		if (span_starts(key, about_first[i]))
			return KEY_PLAIN;
	}
	key = squeeze(key, buf);
	for (size_t i = 0; i < ARRAY_SIZE(about); i++) {
		if (span_ends(key, about[i]))
			return KEY_PLAIN;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (key_fits(key, keys[i].word, keys[i].where))
			return keys[i].kind;
	}
	return KEY_PLAIN;
}

static bool any_of(struct span s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_is(s, words[i]))
			return true;
	}
	return false;
}

bool key_masks(enum key_kind kind, struct span value)
{
	static const char *const switches[] = { "true", "false", "yes", "no", "on", "off", "none", "null" };
	static const char *const methods[] = {
		"basic",   "digest", "ntlm",    "negotiate", "kerberos",      "gssapi",       "ldap",
		"pam",     "trust",  "md5",     "peer",      "oauth2",        "required",     "optional",
		"plain",   "login",  "enabled", "disabled",  "sha256",        "cram-md5",     "ident",
		"default", "auto",   "0",       "1",         "scram-sha-256", "scram-sha-512"
	};
	static const char *const paths[] = { "/", "./", "../", "~/", "@/", "file:" };

	if (kind == KEY_PLAIN || !value.n || any_of(value, switches, ARRAY_SIZE(switches)))
		return false;
	if (kind == KEY_STRONG)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (span_starts(value, paths[i]))
			return false;
	}
	return !any_of(value, methods, ARRAY_SIZE(methods));
}

bool key_names_id(struct span key)
{
	static const char *const ends[] = { "id",       "ids",         "container",  "commit", "rev",
					    "revision", "sha",         "sha1",       "sha256", "digest",
					    "checksum", "uuid",        "guid",       "cid",    "bundle",
					    "hash",     "fingerprint", "thumbprint", "sha512", "md5",
					    "etag",     "build",       "buildid" };
	char buf[SQUEEZED_MAX];

	key = squeeze(key, buf);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		if (span_ends(key, ends[i]))
			return true;
	}
	return false;
}

/* ---- programs -------------------------------------------------------------- */

/* Rows of one program stand together; the first program that fits wins. */
static const struct mask_rule rules[] = {
	{ "mysqladmin", NULL, "-p", HOW_GLUED, 0 },
	{ "mysqladmin", "password", NULL, HOW_WORDS, 2 },
	{ "mysql*", NULL, "-p", HOW_GLUED, 0 },
	{ "mariadb*", NULL, "-p", HOW_GLUED, 0 },
	{ "mariabackup", NULL, "-p", HOW_GLUED, 0 },
	{ "xtrabackup", NULL, "-p", HOW_GLUED, 0 },
	{ "mydumper", NULL, "-p", HOW_BOTH, 0 },
	{ "myloader", NULL, "-p", HOW_BOTH, 0 },
	{ "mongo*", NULL, "-p", HOW_BOTH, 0 },
	{ "cqlsh", NULL, "-p", HOW_BOTH, 0 },
	{ "sshpass", NULL, "-p", HOW_BOTH, 0 },
	/* what sshpass starts has a -p of its own */
	{ "ssh", NULL, NULL, HOW_NONE, 0 },
	{ "scp", NULL, NULL, HOW_NONE, 0 },
	{ "sftp", NULL, NULL, HOW_NONE, 0 },
	{ "rsync", NULL, NULL, HOW_NONE, 0 },
	{ "redis-cli", NULL, "-a", HOW_BOTH, 0 },
	{ "redis-cli", "auth", NULL, HOW_WORDS, 2 },
	{ "valkey-cli", NULL, "-a", HOW_BOTH, 0 },
	{ "valkey-cli", "auth", NULL, HOW_WORDS, 2 },
	{ "redis-benchmark", NULL, "-a", HOW_BOTH, 0 },
	{ "ldap*", NULL, "-w", HOW_BOTH, 0 },
	{ "curl", NULL, "-u", HOW_USER, 0 },
	{ "curl", NULL, "-U", HOW_USER, 0 },
	{ "curl", NULL, "--user", HOW_USER, 0 },
	{ "curl", NULL, "--proxy-user", HOW_USER, 0 },
	{ "curl", NULL, "-E", HOW_USER, 0 },
	{ "curl", NULL, "--cert", HOW_USER, 0 },
	{ "curl", NULL, "-b", HOW_BOTH, 0 },
	{ "http", NULL, "-a", HOW_USER, 0 },
	{ "https", NULL, "-a", HOW_USER, 0 },
	{ "ab", NULL, "-A", HOW_USER, 0 },
	{ "etcdctl", NULL, "--user", HOW_USER, 0 },
	{ "smbclient", NULL, "-U", HOW_USER, 0 },
	{ "rpcclient", NULL, "-U", HOW_USER, 0 },
	{ "net", NULL, "-U", HOW_USER, 0 },
	{ "lftp", NULL, "-u", HOW_USER, 0 },
	{ "ncftp*", NULL, "-p", HOW_BOTH, 0 },
	{ "7z*", NULL, "-p", HOW_GLUED, 0 },
	{ "rar", NULL, "-p", HOW_GLUED, 0 },
	{ "rar", NULL, "-hp", HOW_GLUED, 0 },
	{ "unrar", NULL, "-p", HOW_GLUED, 0 },
	{ "zip", NULL, "-P", HOW_BOTH, 0 },
	{ "unzip", NULL, "-P", HOW_BOTH, 0 },
	{ "ipmitool", NULL, "-P", HOW_BOTH, 0 },
	{ "sqlcmd", NULL, "-P", HOW_BOTH, 0 },
	{ "bcp", NULL, "-P", HOW_BOTH, 0 },
	{ "tsql", NULL, "-P", HOW_BOTH, 0 },
	{ "isql", NULL, "-P", HOW_BOTH, 0 },
	{ "snmp*", NULL, "-c", HOW_BOTH, 0 },
	{ "snmp*", NULL, "-A", HOW_BOTH, 0 },
	{ "snmp*", NULL, "-X", HOW_BOTH, 0 },
	{ "plink", NULL, "-pw", HOW_NEXT, 0 },
	{ "pscp", NULL, "-pw", HOW_NEXT, 0 },
	{ "psftp", NULL, "-pw", HOW_NEXT, 0 },
	{ "openssl", NULL, "-k", HOW_NEXT, 0 },
	{ "openssl", NULL, "-K", HOW_NEXT, 0 },
	{ "openssl", NULL, "-passin", HOW_NEXT, 0 },
	{ "openssl", NULL, "-passout", HOW_NEXT, 0 },
	{ "useradd", NULL, "-p", HOW_BOTH, 0 },
	{ "usermod", NULL, "-p", HOW_BOTH, 0 },
	{ "htpasswd", NULL, NULL, HOW_WORDS, 2 },
	{ "wpa_passphrase", NULL, NULL, HOW_WORDS, 2 },
	{ "rabbitmqctl", "add_user", NULL, HOW_WORDS, 3 },
	{ "rabbitmqctl", "change_password", NULL, HOW_WORDS, 3 },
	{ "rabbitmqctl", "authenticate_user", NULL, HOW_WORDS, 3 },
	{ "vault", "login", NULL, HOW_WORDS, 2 },
	{ "vault", "unseal", NULL, HOW_WORDS, 3 },
	{ "mc", "alias", NULL, HOW_WORDS, 5 },
	{ "xfreerdp*", NULL, "/p", HOW_COLON, 0 },
	{ "rdesktop", NULL, "-p", HOW_BOTH, 0 },
	{ "sqlplus", NULL, NULL, HOW_SLASH, 0 },
	{ "sqlldr", NULL, NULL, HOW_SLASH, 0 },
	{ "rman", NULL, NULL, HOW_SLASH, 0 },
	{ "expdp", NULL, NULL, HOW_SLASH, 0 },
	{ "impdp", NULL, NULL, HOW_SLASH, 0 },
	{ "docker", "login", "-p", HOW_BOTH, 0 },
	{ "docker", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "podman", "login", "-p", HOW_BOTH, 0 },
	{ "podman", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "nerdctl", "login", "-p", HOW_BOTH, 0 },
	{ "nerdctl", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "buildah", "login", "-p", HOW_BOTH, 0 },
	{ "skopeo", "login", "-p", HOW_BOTH, 0 },
	{ "helm", "login", "-p", HOW_BOTH, 0 },
	{ "oc", "login", "-p", HOW_BOTH, 0 },
	{ "az", "login", "-p", HOW_BOTH, 0 },
	{ "containerd-shim*", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "runc", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "crun", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "conmon", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "ctr", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "crictl", NULL, NULL, HOW_HEX_IDS, 0 },
	{ "git", NULL, NULL, HOW_HEX_IDS, 0 },
};

static bool program_fits(struct span name, const char *pattern)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] != '*')
		return name.n == n && !memcmp(name.s, pattern, n);
	return name.n >= n - 1 && !memcmp(name.s, pattern, n - 1);
}

const struct mask_rule *mask_rules(struct span program, size_t *n)
{
	const char *slash = memrchr(program.s, '/', program.n);
	size_t i = 0, end;

	if (slash) {
		program.n -= (size_t)(slash + 1 - program.s);
		program.s = slash + 1;
	}
	while (i < ARRAY_SIZE(rules) && !program_fits(program, rules[i].program))
		i++;
	if (i == ARRAY_SIZE(rules))
		return NULL;
	for (end = i; end < ARRAY_SIZE(rules) && !strcmp(rules[end].program, rules[i].program); end++)
		;
	*n = end - i;
	return &rules[i];
}

/* ---- shapes ---------------------------------------------------------------- */

bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_+/~-", c));
}

/* Kinds of keys that say what they are: the prefix, and how long the whole is at least. */
static const struct {
	const char *prefix;
	size_t least;
} tokens[] = {
	{ "AKIA", 16 },       { "ASIA", 16 },        { "ghp_", 16 },
	{ "gho_", 16 },       { "ghu_", 16 },        { "ghs_", 16 },
	{ "ghr_", 16 },       { "github_pat_", 16 }, { "glpat-", 16 },
	{ "gldt-", 16 },      { "glsa_", 16 },       { "xoxb-", 12 },
	{ "xoxp-", 12 },      { "xoxa-", 12 },       { "xoxs-", 12 },
	{ "xoxe.", 12 },      { "xapp-", 12 },       { "sk_live_", 12 },
	{ "sk_test_", 12 },   { "rk_live_", 12 },    { "whsec_", 16 },
	{ "sk-", 20 },        { "AIza", 30 },        { "ya29.", 16 },
	{ "SG.", 20 },        { "npm_", 20 },        { "pypi-", 20 },
	{ "dop_v1_", 20 },    { "hvs.", 12 },        { "hvb.", 12 },
	{ "s.", 26 },         { "eyJ", 20 },         { "key-", 36 },
	{ "dapi", 36 },       { "shpat_", 16 },      { "shpss_", 16 },
	{ "sq0atp-", 16 },    { "lin_api_", 16 },    { "figd_", 16 },
	{ "hf_", 20 },        { "tskey-", 16 },      { "PMAK-", 20 },
	{ "rubygems_", 20 },  { "NRAK-", 20 },       { "AGE-SECRET-KEY-", 20 },
	{ "-----BEGIN", 10 }, { "$2y$", 20 },        { "$2b$", 20 },
	{ "$6$", 20 },        { "$5$", 20 },         { "$y$", 20 },
	{ "$argon2", 20 },    { "$apr1$", 16 },
};

size_t known_token(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		size_t skip = strlen(tokens[i].prefix);

		if (s.n < tokens[i].least || memcmp(s.s, tokens[i].prefix, skip))
			continue;
		for (n = skip; n < s.n && (is_token_char(s.s[n]) || strchr(".=$", s.s[n])); n++)
			;
		if (n >= tokens[i].least)
			return n;
	}
	return 0;
}

/* What a run is made of. */
struct makeup {
	size_t lower, upper, digits, seps, nonhex;
	size_t turns;    /* neighbours of different classes, separators left out */
	size_t distinct; /* different characters */
};

static int class_of(char c)
{
	return islower((unsigned char)c)   ? 1
	       : isupper((unsigned char)c) ? 2
	       : isdigit((unsigned char)c) ? 3
					   : 0;
}

static struct makeup makeup(struct span s)
{
	bool seen[128] = { false };
	struct makeup m = { 0 };
	int last = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.s[i];
		int class = class_of(s.s[i]);

		m.lower += class == 1;
		m.upper += class == 2;
		m.digits += class == 3;
		m.seps += class == 0;
		m.nonhex += !isxdigit(c);
		m.turns += last && class && class != last;
		m.distinct += !seen[c & 127];
		seen[c & 127] = true;
		last = class;
	}
	return m;
}

/* Letters of both cases: names in CamelCase turn at most once in three letters, noise in two. */
static bool mixed_is_random(const struct makeup *m, size_t n)
{
	if (n >= 20 && m->turns * 100 >= (n - 1) * 42)
		return true;
	return n >= 28 && m->digits && m->distinct >= 16 && m->turns * 100 >= (n - 1) * 22;
}

static bool part_is_random(struct span s, bool hex)
{
	struct makeup m = makeup(s);

	if (s.n < 20 || m.distinct < 8)
		return false;
	if (m.lower && m.upper)
		return mixed_is_random(&m, s.n);
	if (!m.digits || m.digits == s.n - m.seps)
		return false;
	if (!m.nonhex)
		return hex && s.n >= 32;
	return s.n >= 24 && m.digits >= 4 && m.turns * 100 >= (s.n - 1) * 25;
}

bool looks_random(struct span run, bool hex)
{
	struct makeup m = makeup(run);
	size_t from = 0;

	/* A few separators belong to base64; many make it words, a UUID, a date. */
	if (m.seps * 10 <= run.n && part_is_random(run, hex))
		return true;
	for (size_t i = 0; i <= run.n; i++) {
		if (i < run.n && class_of(run.s[i]))
			continue;
		if (part_is_random((struct span){ run.s + from, i - from }, hex))
			return true;
		from = i + 1;
	}
	return false;
}
