/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What there is to see: a view is one row here, a page is a list of parts. Tabs,
 * number keys, the help and what Enter opens follow from these. A new table needs
 * one row in `views`; its columns come with its fields.
 */
#include <string.h>

#include "view/app.h"

/* clang-format off */
#define PART(what)         { .kind = PART_##what }
#define TABLE(name)        { .kind = PART_TABLE, .table = name }
#define TABLE_TITLED(name, title_) { .kind = PART_TABLE, .table = name, .title = title_ }
#define TABLE_OPTIONAL(name, title_) { .kind = PART_TABLE, .table = name, .title = title_, .optional = true }
#define TABLE_IN(name, title_, field)  { .kind = PART_TABLE, .table = name, .title = title_, .in = field, .by = "name" }
#define TABLE_BY(name, title_, field, field_)  { .kind = PART_TABLE, .table = name, .title = title_, .in = field, .by = field_ }
#define TABLE_SAME(name, title_)   { .kind = PART_TABLE, .table = name, .title = title_, .same = true }

/* Anything without a page of its own. */
const struct page page_row = { .parts = { PART(FACTS), PART(STATES), PART(HIST), PART(RECENT) } };
const struct page page_table = { .parts = { PART(TABLE) } };

static const struct page page_process = {
	.parts = { PART(BRIEF), TABLE("threads"), TABLE("operations"),
		   TABLE_OPTIONAL("peers", "Peers"), TABLE_OPTIONAL("file_operations", "Files") },
};
static const struct page page_thread = {
	.parts = { PART(FACTS), PART(STACK), PART(STATES), TABLE_TITLED("slow", "Slow of this thread"),
		   TABLE_TITLED("operations", "Operations of its process") },
};
static const struct page page_operation = {
	.parts = { PART(FACTS), PART(HIST), PART(HEAT), PART(RECENT), PART(STATES),
		   TABLE_SAME("slow", "Slow ones") },
};
static const struct page page_group = {
	.parts = { PART(BRIEF), TABLE(NULL), TABLE("operations") },
};
static const struct page page_operations = {
	.parts = { PART(FACTS), PART(HIST), PART(RECENT), PART(STATES), TABLE_SAME(NULL, "Process by process") },
};
static const struct page page_slow = {
	.parts = { PART(FACTS), PART(STATES), PART(PEERS), PART(CHAIN), PART(OCCUPANTS), PART(STACK),
		   TABLE_SAME("operations", "All of its kind in this process") },
};
static const struct page page_blocked = {
	.parts = { PART(FACTS), PART(CHAIN), PART(STACK), TABLE_TITLED("slow", "Slow of this thread") },
};
static const struct page page_lock = {
	.parts = { PART(FACTS), PART(CHAIN), PART(HIST), PART(RECENT),
		   TABLE_SAME("blocked", "Blocked on it now"), TABLE_SAME("slow", "Slow on it") },
};
static const struct page page_stack = {
	.parts = { PART(FACTS), PART(STACK), TABLE_SAME("slow", "Slow ones") },
};
static const struct page page_tree = {
	.parts = { PART(FACTS), { .kind = PART_TABLE, .table = "stack_tree", .title = "Below it", .in = "parent", .by = "id" } },
};
static const struct page page_disk = {
	.parts = { PART(FACTS), TABLE_SAME("disk_operations", "What it does"),
		   TABLE_IN("blocked", "Blocked on it now", "detail.disk"),
		   TABLE_IN("slow", "Slow on it", "detail.disk") },
};
static const struct page page_file = {
	.parts = { PART(FACTS), PART(STATES), PART(HIST), PART(RECENT),
		   TABLE_SAME("file_operations", "What is done to it"), TABLE_SAME("slow", "Slow ones") },
};
static const struct page page_cgroup = {
	.parts = { PART(FACTS), TABLE_BY("processes", "Processes under its quota", "quota_cgroup", "path"),
		   TABLE_BY("slow", "Throttled by it", "throttled_by.cgroup", "path") },
};

static const struct page page_connection = {
	.parts = { PART(HISTORY), PART(FACTS),
		   { .kind = PART_TABLE, .table = "slow", .title = "Slow with that peer", .in = "detail.remote", .by = "remote" },
		   TABLE_TITLED("peers", "Peers of its process") },
};
static const struct page page_peer = {
	.parts = { PART(FACTS), PART(HIST), PART(RECENT), TABLE_BY("connections", "Connections with it", "peer", "remote") },
};
static const struct page page_dns = {
	.parts = { PART(FACTS), PART(HIST), PART(RECENT),
		   TABLE_BY("dns_queries", "Latest queries for this name", "plain", "plain") },
};
static const struct page page_exchange = {
	.parts = { PART(FACTS), PART(HIST), PART(HEAT), PART(STATES), TABLE_SAME("slow", "Slow ones"),
		   TABLE_TITLED("connections", "Connections of its process") },
};
static const struct page page_exchanges = {
	.parts = { PART(FACTS), PART(HIST), PART(STATES), TABLE_SAME(NULL, "Process by process") },
};
static const struct page page_function = {
	.parts = { PART(FACTS), PART(HIST), PART(HEAT), PART(RECENT), PART(STATES),
		   { .kind = PART_TABLE, .table = "function_syscalls", .title = "System calls in it", .in = "function", .by = "name",
		     .optional = true },
		   TABLE_SAME("slow", "Slow calls") },
};
static const struct page page_functions = {
	.parts = { PART(FACTS), PART(HIST), PART(STATES),
		   { .kind = PART_TABLE, .table = "function_syscalls", .title = "System calls in it", .in = "function", .by = "name",
		     .optional = true },
		   TABLE_SAME(NULL, "Process by process") },
};
static const struct page page_listener = {
	.parts = { PART(FACTS), TABLE_BY("operations", "How long connections waited to be accepted", "name", "accept_op"),
		   TABLE_TITLED("connections", "Connections of its process") },
};

const struct view views[] = {
	{ "Processes", "processes", '1', "comm pid", &page_process, &page_group, "Procs" },
	{ "Threads", "threads", '2', "comm tid", &page_thread, &page_group, NULL },
	{ "Operations", "operations", '3', "name comm", &page_operation, &page_operations, "Ops" },
	{ "Slow", "slow", '4', "name comm duration_ns", &page_slow, NULL, NULL },
	{ "Disks", "disks", '5', "name", &page_disk, NULL, NULL },
	{ "Blocked", "blocked", '6', "comm tid", &page_blocked, NULL, "Block" },
	{ "Files", "files", '7', "path", &page_file, NULL, NULL },
	{ "Stacks", "waits_by_stack", '8', "comm name", &page_stack, NULL, NULL },
	{ "Locks", "locks", '9', "comm lock", &page_lock, NULL, NULL },
	{ "Tree", "stack_tree", '0', "name", &page_tree, NULL, NULL },
	{ "Cgroups", "cgroups", 'u', "path", &page_cgroup, NULL, NULL },
	{ "TCP", "connections", 'C', "comm remote", &page_connection, &page_group, NULL },
	{ "Peers", "peers", 'p', "comm remote", &page_peer, &page_group, NULL },
	{ "Exchanges", "exchanges", 'e', "name comm port remote", &page_exchange, &page_exchanges, "Exch" },
	{ "Listeners", "listeners", 'l', "comm local", &page_listener, NULL, "Listen" },
	{ "Functions", "functions", 'F', "name comm", &page_function, &page_functions, "Funcs" },
	{ "DNS", "dns", 'd', "name type comm", &page_dns, &page_group, NULL },
	{}
};

/* Tables that are parts of pages only. */
static const struct view parts[] = {
	{ "Connection history", "connection_history", 0, "comm remote", NULL, NULL, NULL },
	{ "DNS queries", "dns_queries", 0, "name type comm", NULL, NULL, NULL },
	{ "System calls in functions", "function_syscalls", 0, "function name comm", NULL, NULL, NULL },
	{ "File operations", "file_operations", 0, "name path comm", &page_operation, &page_operations, NULL },
	{}
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(views) - 1 <= NR_VIEWS, "room for every view");

size_t nr_views(void)
{
	return ARRAY_SIZE(views) - 1;
}

static const struct view *find(const struct view *v, const char *table)
{
	for (; v->title; v++)
		if (table && !strcmp(v->table, table))
			return v;
	return NULL;
}

const struct view *view_of_table(const char *table)
{
	const struct view *v = find(views, table);

	return v ? v : find(parts, table);
}
