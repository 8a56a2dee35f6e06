/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Inside the live source: its parts and what they share. Nobody outside kern/ sees this.
 *
 *   object.c   one BPF object: open from memory, share maps by name, load, attach by name
 *   shared.c   the maps that both sides see: sizes within the memory budget, mapping them
 *   ring.c     records out of the two rings
 *   life.c     lifecycle records -> who lives; PROCESS, THREAD, THREAD_END
 *   cells.c    aggregates -> OP; gives back the cells of processes that are gone
 *   files.c    who does what to which file -> FILE, FILE_OP
 *   slots.c    clocks of the living threads -> LEDGER
 *   slow.c     raw slow records -> SLOW, NOW
 *   slices.c   who ran on a CPU
 *   occupants.c  … while a thread waited for it -> OCCUPANTS
 *   locks.c    waits lock by lock -> LOCK_OP; who holds a lock
 *   ustacks.c  user stacks of what was slow -> USTACK
 *   stacks.c   kernel stacks of what is blocked -> STACK
 *   tiers.c    the calls tier: attach, detach, and the governor of `auto`
 *   parts.c    collectors beside the core, each an object of its own that may not load
 *   disks.c    the disks' own figures -> DISK
 *   cgroups.c  CPU quotas, and how they bit -> CGROUP
 *   dns.c      DNS messages -> DNS
 *   conns.c    TCP connections and listeners -> CONN, CONN_OP, LISTEN
 *   funcs.c, func_sites.c, func_links.c, func_guard.c, func_cost.c  functions of programs -> FUNC, FUNC_OP,
 *              FUNC_CALL
 *   func_files.c, func_maps.c  … of files that are mapped later
 *   func_kernel.c  … of functions of the kernel
 *   exchanges.c  requests on them and their answers -> EXCHANGE_OP, CONN_EXCHANGES, PEERS
 *   facts.c    META, COLLECTOR, PSI, SELF, ACCT, TICK
 *   live.c     all of them in order
 */
#ifndef KERN_KERN_H
#define KERN_KERN_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "bpf/dns.h"
#include "bpf/lock.h"
#include "bpf/slot.h"
#include "bpf/stack.h"
#include "host/ask.h"
#include "host/cgroup.h"
#include "host/proc.h"
#include "host/system.h"
#include "kern/func_sites.h"
#include "kern/live.h"
#include "kern/slices.h"
#include "rec/rec.h"
#include "sym/ksym.h"
#include "sym/ustack.h"

/* ---- object.c ------------------------------------------------------------------ */

struct object {
	const char *name; /* "core" */
	struct bpf_object *bpf;
	bool optional; /* it takes maps of another: hostlat works without it, and nothing is printed */
};

/* Open the embedded object, fill its cfg, take the shared maps from owner (NULL: it owns
 * them). 0 or -errno; what failed is printed unless the object is optional. */
int object_open(struct object *o, const char *name, const struct hl_cfg *cfg, const struct object *owner);
void object_autoload(struct object *o, const char *prog); /* one that is not loaded by itself */
int object_load(struct object *o);
void object_close(struct object *o);
/* 0 and *link, or -errno. */
int object_attach(struct object *o, const char *prog, struct bpf_link **link);
/* About what the kernel holds for the maps that are the object's own. */
size_t object_map_bytes(const struct object *o);
struct bpf_map *object_map(struct object *o, const char *name);
/* Run a task iterator and hand its output on, in whole items of `size` bytes. */
typedef void (*item_fn)(struct live *l, const void *item);
int object_iterate(struct object *o, const char *prog, size_t size, item_fn fn, struct live *l);
/* The same of an iterator over the elements of one of its maps. */
/* When to look again, CLOCK_MONOTONIC, so that looking takes no more than a hundredth of a CPU. cpu_ns:
 * clock_cpu_ns() before it. */
uint64_t object_look_again(uint64_t cpu_ns);
int object_iterate_map(struct object *o, const char *prog, const char *map, size_t size, item_fn fn,
		       struct live *l);

/* ---- shared.c ------------------------------------------------------------------ */

struct shared {
	struct hl_slot *slots;
	struct hl_cell *cells;
	struct hl_key *keys;
	uint64_t *free;
	struct hl_cpu *cpus;
	struct hl_ctl *ctl;
	struct hl_file_entry *files;
	struct hl_slice *slices;
	size_t bytes; /* of all maps and rings */
	struct {
		void *at;
		size_t size;
	} maps[12];
	size_t nr_maps;
};

/* Decide the sizes within the budget and set them on the opened core object. */
int shared_size(struct object *core, const struct live_cfg *cfg, struct hl_cfg *out);
int shared_map(struct shared *s, struct object *core); /* after load */
void shared_unmap(struct shared *s);

/* ---- ring.c -------------------------------------------------------------------- */

int ring_open(struct live *l);
int ring_add(struct live *l, struct object *o,
	     const char *map);  /* one more, of records as they are in hl_events */
int ring_drain(struct live *l); /* how many records came, or -errno */
int ring_early(struct live *l); /* the same of what belongs to other records: lifecycle, user stacks */
void ring_close(struct live *l);

/* ---- life.c -------------------------------------------------------------------- */

struct kproc {
	uint32_t pid, ppid, uid, flags, alive; /* threads alive */
	uint64_t start, cgroup_id;
	char comm[HL_COMM_LEN];
	char *exe, *args, *cgroup;
	char *cpu_cgroup;             /* … of the CPU controller, where that has a hierarchy of its own */
	struct kcgroup *quotas;       /* the one that its quota is of, or of one above it; NULL: not known */
	bool cpu_named;               /* false: cpu_cgroup may be another one */
	bool dirty;                   /* to be sent before the next tick */
	bool cgroup_named;            /* false: the path is that of its parent, or none */
	bool execed;                  /* its command line came from its exec */
	uint32_t execs, parent_execs; /* how many; of its parent, when it was forked */
	bool gone;                    /* all threads ended; freed when its cells were drained */
};

struct kthread {
	uint32_t tid, pid;
	uint32_t inner_tid; /* in its own pid namespace */
	uint64_t start;
	struct kproc *proc;
	char comm[HL_COMM_LEN];
	uint64_t begin_clock, begin_boot; /* of its ledger: mapped once, so that it stays the same */
	uint64_t throttled;               /* when it was looked at last */
	uint64_t stay_since, stay_ran;    /* on a CPU: since when, and what it was said to have run */
	uint32_t round;                   /* in which it was found last */
	bool dirty;
};

/* The name of a thread that has ended: what it waited for last comes after its end, and it may have
 * ended others' waits. */
struct ended {
	uint64_t start, proc_start, ended; /* boot time; told so at the latest */
	uint32_t tid, pid, inner_tid;
	char comm[HL_COMM_LEN];
};
#define ENDED_NAMES 2048 /* by tid; a later one takes its place */

struct life {
	struct ended ended[ENDED_NAMES];
	struct hash *threads; /* tid -> kthread */
	struct hash *inner; /* {pid, number in its own namespace} -> kthread, where that is another number */
	struct hash *bearers; /* number in its own namespace -> how many of these have it */
	struct hash *procs;   /* pid -> kproc */
	struct hash *gone;    /* {pid, start} -> kproc whose cells are still to be drained */
	struct cgroups *cgroups;
	uint64_t lost;  /* records that we know of */
	uint32_t round; /* of looking for every thread */
};

void life_init(struct life *f);
void life_fini(struct life *f);
void life_record(struct live *l, const struct hl_rec *rec, size_t n); /* from the lifecycle ring */
void life_answer(struct live *l, pid_t pid, const char *buf,
		 ssize_t n); /* the command line of one that was there before */
/* Look for every thread: at start, and again when records were lost. 0 or -errno. */
int life_find(struct live *l);
void life_place(struct live *l); /* which cgroups those are in that were found */
void life_recover(struct live *l);
void life_send(struct live *l);   /* PROCESS and THREAD of what is new or changed */
void life_forget(struct live *l); /* processes whose end was sent with their last cells */
/* A process that may be known already; else its fork was not told (its record was lost, the iterator did not
 * see it): as /proc has it, if that is still the same one. */
void life_meet(struct live *l, uint32_t pid, uint64_t start);
struct kproc *life_proc(struct live *l, uint32_t pid, uint64_t start); /* NULL: not known */
/* The parent, where a process has been nothing but a copy of it since it was forked; else NULL. */
struct kproc *life_parent_image(struct live *l, uint32_t pid, uint64_t start);
/* A thread's name, HL_COMM_LEN bytes, also for a while after its end; start 0: who has or had that
 * number last. NULL: not known. Borrowed until the next record. */
const char *life_comm(const struct live *l, uint32_t tid, uint64_t start);

/* A thread; comm is borrowed until the next record. */
struct who {
	uint64_t start, proc_start;
	uint32_t pid, tid;
	const char *comm; /* HL_COMM_LEN bytes */
};

/* Who has that number, or had it last; false: nobody who is known. */
bool life_who(const struct live *l, uint32_t tid, struct who *out);
/* The same of the threads of a process, by the numbers of its own pid namespace. */
bool life_inner(const struct live *l, uint32_t pid, uint32_t inner_tid, struct who *out);
/* How many threads have that number, each in its own pid namespace, or have had it since then (boot
 * time); none of the kernel's counts, for those hold nothing. */
size_t life_bearers(const struct live *l, uint32_t number, uint64_t since, bool *of_host);
bool life_is_inner(const struct live *l, uint32_t tid); /* has it another number in its own namespace? */

/* ---- cells.c ------------------------------------------------------------------- */

struct cell_last;
struct cells {
	struct cell_last **last;            /* what was sent of each cell */
	uint64_t counted[NR_HL_CELL_KINDS]; /* so far, all cells */
	uint32_t nr_cells, nr_cpus, key_mask;
};

void cells_init(struct cells *c, const struct hl_cfg *cfg);
void cells_fini(struct cells *c);
void cells_drain(struct live *l); /* OP for everything that moved */
uint64_t cells_skip_calls(struct live *l);
/* Give back the cells of processes that are gone, and their files. */
void cells_reclaim(struct live *l);
bool cells_scarce(const struct live *l);
/* What moved in a cell, into a record; returns how many events it holds. */
uint64_t cells_fill_op(struct live *l, const struct hl_cell *c, struct cell_last *was, struct hl_rec_op *r);
uint64_t cells_take_bytes(const struct hl_cell *c, struct cell_last *was);
/* How many came and ended since it was last looked at, and how long those had lived; returns how many
 * that is in all. */
uint64_t cells_take_pair(const struct hl_cell *c, struct cell_last *was, uint64_t *came, uint64_t *ended,
			 uint64_t *total_ns);
uint64_t cells_take_entered(const struct hl_cell *c, struct cell_last *was, __u64 *abandoned);
uint64_t cells_take_watched(const struct hl_cell *c, struct cell_last *was);
uint64_t cells_take_phase(const struct hl_cell *c, struct cell_last *was, enum hl_block_phase phase);

/* ---- files.c ------------------------------------------------------------------- */

struct file_sent;
struct files {
	struct file_sent *sent; /* by place in hl_files */
	uint32_t next;          /* number of the next one */
	uint32_t tick;          /* how many there were */
	uint32_t retired;       /* places that are to be freed at the next tick */
	bool on, ever;          /* now, and since the start */
};

void files_init(struct live *l);
void files_fini(struct live *l);
/* FILE_OP of a cell, and FILE before the first one of a file. How many events it holds. */
uint64_t files_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was);
bool files_owner_gone(struct live *l, const struct hl_cell *c); /* of a file's cell */
void files_retire(struct live *l);            /* at each tick: of the idle ones, when few places are left */
void files_reclaim(struct live *l);           /* after the cells were */
uint64_t files_counted(const struct live *l); /* calls and waits so far */

/* ---- locks.c ------------------------------------------------------------------- */

#define USTACK_OF_LOCK (1ull << 33) /* in the reference of a question: it is about a lock's name */

struct locks {
	struct hash *names; /* struct lock_name: locks whose names were asked for, by process and address */
	struct hash *asked; /* those of them that are not answered, by number */
	uint32_t last_asked;
	VEC(struct hl_now_raw) waiting; /* at this refresh, until it is known who holds what they wait for */
	struct hash *words;             /* what their locks' memory holds: struct word of locks.c */
};

void locks_init(struct locks *k);
void locks_fini(struct locks *k);
uint64_t locks_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was);
bool locks_owner_gone(struct live *l, const struct hl_cell *c);
/* Who held the lock of this wait: from what the kernel side read to who that is. */
void locks_name(struct live *l, struct hl_rec_slow *r);
void locks_named(struct live *l, const struct ustack_answer *a); /* what a lock is called */
bool locks_take(struct live *l, const struct hl_now_raw *raw); /* it waits for a lock: its NOW comes later */
void locks_answer(struct live *l, const struct question *q, const char *buf, ssize_t n);
ssize_t lock_memory(const struct question *q, char *buf); /* in the child that asks: a struct hl_mutex */
void locks_refresh(struct live *l);                       /* NOW of all that locks_take took */

/* ---- slots.c, slow.c, tiers.c, facts.c ------------------------------------------- */

void slots_drain(struct live *l);
void slow_record(struct live *l, const struct hl_slow_raw *raw, size_t n);
/* Ids of the records that belong to a slow one; 0: there is none. */
struct slow_refs {
	uint32_t kernel_stack, user_stack, occupants, peers;
	struct waker_refs { /* of who ended it */
		uint32_t kernel_stack, user_stack;
		uint16_t nr;
		uint8_t abi;
		bool known;
	} waker;
};

/* The record; n bytes of it came. */
void slow_send(struct live *l, const struct hl_slow_raw *raw, size_t n, struct slow_refs refs);
/* One that user space made itself, of a socket; it is not among those that the kernel side counts. */
void slow_send_made(struct live *l, const struct hl_rec_slow *r);
/* … of something that has a name, and of which there is more to say. */
void slow_send_named(struct live *l, const struct hl_rec_slow *r, const char *name, const char *more);
void slow_now(struct live *l, const void *item); /* a struct hl_now_raw from hl_blocked */
void slow_send_now(struct live *l, const struct hl_now_raw *raw);

struct stacks {
	uint32_t last_id; /* of all stacks, the kernel's and programs' */
	struct ksyms *syms;
	struct hash *ids;                     /* of each distinct one */
	struct hash *waits;                   /* by thread: whose stack is known, or still to be taken */
	struct hash *recent;                  /* by thread: slow waits that are over, and their stacks */
	uint32_t round;                       /* of looking for what is blocked */
	uint64_t delivered, over, unreadable; /* waits; over: without room for its stack to their end */
};

void kstacks_init(struct stacks *s);
void kstacks_fini(struct stacks *s);
void stack_skip_tracing(struct live *l, struct hl_stack_raw *raw);
/* The number of a stack that was taken: sends it first. 0: there are too many distinct ones. */
uint32_t stack_number(struct live *l, const struct hl_stack_raw *raw);
/* The number of the stack of a thread's wait: sends it first. 0: there is none, or not yet. */
uint32_t stack_id(struct live *l, uint32_t tid, const struct hl_stack_raw *raw);
/* The same of its user stack, which is asked for when the kernel's was taken, and known later. */
uint32_t stack_user_id(struct live *l, const struct hl_now_raw *raw);
/* The answer; false: the thread has run meanwhile, and it may be of anything. */
bool stack_user_found(struct live *l, uint32_t tid, uint32_t token, uint32_t id);
/* Of what a thread was found blocked in, if that is within this operation; 0: nothing. */
uint32_t stack_user_of_slow(struct live *l, const struct hl_rec_slow *r);
/* A slow wait is over, and this is its stack; 0: there is none. */
void stack_note(struct live *l, const struct hl_rec_slow *r, uint32_t id, bool unreadable);
/* Where in the kernel a call waited longest, of its last slow waits; or what was found when it was looked
 * at while it waited. 0: nothing. */
uint32_t stack_of_slow(struct live *l, const struct hl_rec_slow *r);
void stacks_refresh(struct live *l); /* NOW and STACK for all that is blocked */

/* ---- occupants.c ----------------------------------------------------------------- */

struct occupants {
	uint32_t last_id;
	struct stays stays;
	/* what interrupts had taken on all CPUs when it was looked at last, and whether it moved since
	 * the time before */
	uint64_t interrupts_ns, interrupts_at;
	bool interrupts_move;
};

/* Who had the CPU while this wait, as the kernel side sent it, was one for it: sends that first. Its
 * id; 0: it was not long, or nothing is known. */
uint32_t koccupants_of(struct live *l, const struct hl_rec_slow *r);
/* What interrupts have taken on all CPUs, as of their last switch; 0: the kernel does not tell. */
uint64_t koccupants_interrupts(const struct live *l);
void koccupants_fini(struct live *l);

/* ---- ustacks.c ------------------------------------------------------------------- */

/* A program that has begun, and when to look at what it has mapped. */
struct ustack_look {
	uint64_t due, start; /* CLOCK_MONOTONIC */
	uint32_t pid;
	bool again; /* once it was looked at */
};

struct user_stacks {
	struct ustacks *u;    /* NULL: none are taken */
	struct hash *pending; /* by token: taken, and not told of yet */
	struct hash *ids;     /* of each distinct one, by what they hash to */
	struct hash *blocked; /* by token: asked about threads that are blocked */
	uint32_t tick;
	uint32_t looked;      /* number of the last question about a blocked thread … */
	uint64_t looks_asked; /* … and how many of these there were */
	VEC(struct ustack_look) looks;
	uint64_t look_free;   /* when the next one may be added */
	int64_t credit;       /* CPU time that the children may still use */
	uint64_t paced, cost; /* when that was looked at last, and what they had used by then */
	uint64_t held;        /* slow records that wait for their stacks */
	struct hash *wakes;   /* by thread: who ended its last slow wait, and where that one was */
	uint64_t arrived;     /* out of the ring */
	uint64_t delivered, over, unreadable; /* over: there were too many at once, or distinct ones */
};

void ustacks_init(struct live *l); /* before the core is opened */
void ustacks_fini(struct live *l);
void ustack_record(struct live *l, const struct hl_ustack_raw *raw, size_t n); /* from its ring */
/* Sends a slow record, once the user stacks are known by which it is named: its own, and that of who
 * ended it, by this number; 0: there is none. */
void ustack_hold(struct live *l, const struct hl_slow_raw *raw, size_t n, struct slow_refs refs,
		 uint32_t waker);
/* Looks at the stack of a thread that is blocked, from outside; the number of the question, 0: it was
 * not asked. */
uint32_t ustack_look(struct live *l, const struct hl_now_raw *raw);
void ustacks_stop(struct live *l); /* the hooks are off: no more are taken, and what was is read */
void ustacks_pace(struct live *l); /* how often one may be taken, by what they have cost so far */
void ustacks_drain(struct live *l);
void ustack_execed(struct live *l, uint32_t pid, uint64_t start);
bool ustacks_hurry(const struct live *l);         /* there is something to do in a few ms */
void ustacks_refresh(struct live *l, bool final); /* at each tick; final: waits for those on their way */
uint64_t ustacks_waiting(const struct live *l);   /* taken, and not known yet */
/* Asks the children for its frames. */
void ustack_ask(struct live *l, const struct hl_ustack_raw *raw, size_t n);

/* ---- wakers.c ---------------------------------------------------------------------- */

void wakers_init(struct user_stacks *s);
void wakers_fini(struct user_stacks *s);
/* Where a thread was that ended a slow wait: of one of its programs, the stack is asked for. */
void waker_record(struct live *l, const struct hl_ustack_raw *raw, size_t n);
/* The same, as this slow operation's record has it. The number by which the user stack comes; 0: none. */
uint32_t waker_of_slow(struct live *l, const struct hl_rec_slow *r, struct waker_refs *out);
void wakers_forget(struct user_stacks *s, uint32_t before); /* those of ticks before that */

/* ---- tiers.c ------------------------------------------------------------------------ */

struct tier {
	enum calls_mode mode;
	const char *enter_prog, *exit_prog;
	struct bpf_link *enter, *exit;
	bool on;
	bool probing;     /* on for a look only */
	uint64_t cost_ns; /* of one call, calibrated */
	uint64_t skipped; /* calls that were only made or seen to calibrate */
	uint64_t next_look, look_end, over_since;
	uint64_t last_at;     /* … and the counts of the last look */
	uint64_t *last_calls; /* per CPU */
	unsigned int good;
	double share; /* of the busiest CPU, 0..1 */
	char reason[96];
};

void tier_pick(struct live *l); /* before the core object is loaded */
int tier_init(struct live *l);
void tier_fini(struct live *l);
int tier_set(struct live *l, enum calls_mode mode);
void tier_tick(struct live *l); /* the governor */

void facts_meta(struct live *l);
uint64_t facts_life_lost(struct live *l);
/* What is not counted all the time: since when it is, and how long it was before that. */
struct watch {
	uint64_t since, ns; /* CLOCK_BOOTTIME; 0: it is not counted now */
};
void watch_set(struct live *l, enum hl_watch what, bool on);
/* before: the counters, read before the drain. */
void facts_before(struct live *l, struct hl_cpu *before);
void facts_tick(struct live *l, const struct hl_cpu *before, bool final);

/* ---- parts.c: collectors that hostlat can do without ---------------------------- */

#define PART_PROGS 16

struct part {
	const char *name;
	const char *gives; /* for doctor */
	struct object obj;
	struct bpf_link *links[PART_PROGS];
	size_t nr_links;
	enum hl_collector_state state;
	char reason[96]; /* why it is not on, or what is less */
};

enum { PART_BLOCK, PART_URING, PART_FAULT, PART_TCP, PART_DNS, PART_EXCHANGES, PART_FUNC, NR_PARTS };

/* When it is attached: always, or while something is asked for. */
enum part_switch { ALWAYS, FOR_FILES, FOR_DNS, FOR_EXCHANGES, FOR_FUNCS };

void parts_open(struct live *l);   /* after the core was loaded; each says itself what became of it */
void parts_attach(struct live *l); /* in the order of their lists */
void parts_switch(struct live *l, enum part_switch what, bool on); /* those that only this needs */
void parts_detach(struct live *l);
void parts_close(struct live *l);
/* Room for so many sockets in its map by_socket, where the kernel does not keep it with the sockets. */
void parts_room(struct live *l, struct part *p, uint32_t sockets);

/* ---- disks.c --------------------------------------------------------------------- */

void disks_init(struct live *l);
void disks_fini(struct live *l);
void disks_send(struct live *l);                      /* DISK for each whose figures moved */
const char *disks_name(struct live *l, uint32_t dev); /* NULL: not known, or not yet */

/* ---- cgroups.c ------------------------------------------------------------------- */

struct kcgroup;
struct cpu_tree;

struct kcgroups {
	struct cpu_tree *tree; /* NULL: nothing is known of quotas here */
	struct hash *by_path;  /* of what a path hashes to -> kcgroup */
	struct hash
		*existed; /* … the same, of those that were there before hostlat; all_existed: who knows */
	bool all_existed;
	uint32_t limited;           /* of them, how many have a quota */
	struct bpf_link *queued[2]; /* while any has one: where a thread is queued */
	bool unhooked;              /* … that could not be attached */
	uint64_t sent;              /* when they were read last */
	/* readings: that were due of those; … for which there was no room */
	uint64_t due, delivered, unreadable, over;
};

void kcgroups_init(struct kcgroups *g);
void kcgroups_pick(struct live *l);     /* the programs that it may attach, before they are loaded */
void kcgroups_unhook(struct live *l);   /* the same are attached no more */
void kcgroups_find(struct live *l);     /* those that are there, before the hooks are */
void kcgroups_fini(struct kcgroups *g); /* after who holds them */
/* Has the CPU controller a hierarchy of its own? Then a process's path in that has to be asked for. */
bool kcgroups_apart(const struct live *l);
int kcgroups_path(const struct live *l, uint32_t pid, char *path);
/* The cgroup with that path, and one more holder; sends CGROUP if it is new and has a quota, or one above it
 * has. NULL: the root, or there are too many. */
struct kcgroup *kcgroup_get(struct live *l, const char *path);
void kcgroup_put(struct kcgroup *k); /* NULL is fine */
/* A thread in it was throttled: somewhere there must be a quota. */
void kcgroup_throttled(struct live *l, struct kcgroup *k);
void kcgroups_send(struct live *l);  /* CGROUP for each with a quota whose figures moved */
void kcgroups_drain(struct live *l); /* the same, where that is due */
/* ---- conns.c ------------------------------------------------------------------------ */

struct conns {
	struct hash *waiting;   /* by cookie: struct conn_wait of conns.c, whose peer's window is closed */
	struct hash *listeners; /* by cookie: how many it had turned away */
	uint64_t owners_due;    /* CLOCK_MONOTONIC: not before that is asked again who holds which socket */
	uint64_t look_due;      /* the same of their figures */
	uint64_t delivered;     /* records of those that ended */
	uint64_t lost;          /* … that the ring had no room for, when looks began to tell of all */
	uint64_t all_since;     /* CLOCK_BOOTTIME: when that was; 0: they tell of what moved */
	unsigned int looks;     /* … and how many did */
	char (*reasons)[48];    /* why the kernel sends a reset, by its numbers */
	size_t nr_reasons;
	bool asked; /* for those */
};

void kconns_init(struct live *l);
void kconns_fini(struct live *l);
void conns_record(struct live *l, const struct hl_rec *rec, size_t n); /* CONN or LISTEN, from the ring */
uint64_t conns_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was);
bool conns_owner_gone(struct live *l, uint32_t pid, uint64_t start);
void conns_find(struct live *l);                /* at start: all that are there */
void conns_refresh(struct live *l, bool final); /* at each tick: CONN, LISTEN of what moved */
/* Why a reset was sent, in words; NULL: not known. */
const char *conns_reason(struct live *l, uint64_t reason);

/* ---- dns.c ------------------------------------------------------------------------- */

struct dns {
	struct dns_state *state;
	bool on, ever; /* now, and since the start */
	bool always;   /* it was asked for, by an option or by a target */
};

void kdns_init(struct live *l);
void kdns_fini(struct live *l);
void dns_record(struct live *l, const struct hl_rec *rec, size_t n); /* a struct hl_dns_raw, from the ring */
void dns_drain(
	struct live *l); /* DNS of those whose socket is gone, where something has been open for long */
void dns_refresh(struct live *l,
		 bool final); /* at each tick: DNS of what nobody answers, NOW of what is slow */
/* How many calls of DNS sockets were taken; by cause, those that were not, beside what the kernel side
 * counts. */
uint64_t kdns_counts(const struct live *l, uint64_t *lost);
void dns_prepare(struct live *l, struct part *p); /* before its object is loaded */

/* ---- exchanges.c --------------------------------------------------------------------- */

struct exchanges {
	bool on;
	uint32_t last_peers; /* number of the last PEERS */
	uint64_t look_due;   /* CLOCK_MONOTONIC: not before that are connections looked at again */
	VEC(struct hl_exchange_now) due; /* those that have no answer, while they are looked at */
};

void exchanges_record(struct live *l, const struct hl_rec *rec, size_t n); /* CONN_EXCHANGES, from the ring */
void exchanges_slow(struct live *l, const struct hl_exchange_raw *raw, size_t n);
uint64_t exchanges_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was);
/* At each tick: CONN_EXCHANGES of what moved, NOW of what has had no answer for long. */
void exchanges_refresh(struct live *l, bool final);
void exchanges_fini(struct live *l);
void exchanges_prepare(struct live *l, struct part *p);

/* ---- funcs.c, func_sites.c, func_links.c, func_guard.c -------------------------------- */

struct funcs {
	VEC(struct func *) v; /* by number, from 1 on */
	VEC(struct func_file *) files;
	VEC(struct func_group *) groups;
	struct hl_func *shared;        /* by number; NULL: there are none */
	struct hl_func_cpu *cpus;      /* HL_FUNC_ROOM of each CPU, by number */
	size_t room;                   /* how many there may be */
	size_t attached;               /* those before this have had their probes put on */
	struct func_costs *costs;      /* what probes cost; NULL: no functions are asked for */
	struct func_files *coming;     /* files that are mapped later; NULL: no functions are asked for */
	struct hl_func_counts *counts; /* by CPU … */
	struct hl_func_counts before;  /* … and their sum before the drain */
	uint64_t *go_runs;             /* HL_FUNC_RUNS of them; NULL: no Go program is traced */
	uint64_t go_taken_up;          /* their sum when it was last looked */
	uint64_t delivered;            /* calls that returned, and times that a point was reached */
	uint64_t told, slow;           /* records of calls; … of them, slow ones */
	uint64_t guard_at;             /* CLOCK_MONOTONIC, when it was looked how often they are called */
	uint64_t *cell_calls; /* by cell: its calls when it was last looked who calls; NULL: not yet */
};

uint64_t funcs_hits(const struct live *l, uint32_t id); /* of all its probes so far */
bool funcs_of_files(const struct live *l);              /* not only the kernel's are asked for */
int funcs_open(struct live *l); /* what is asked for; 0, or -errno after one printed line */
void funcs_prepare(struct live *l, struct part *p);
int funcs_attach(struct live *l);                   /* after the parts are; the same */
int funcs_attach_next(struct live *l, size_t most); /* some that have none yet */
void funcs_detach(struct live *l);
void kfuncs_fini(struct live *l);
void funcs_record(struct live *l, const struct hl_rec *rec,
		  size_t n); /* a struct hl_func_raw, from the ring */
uint64_t funcs_send_op(struct live *l, const struct hl_cell *c, struct cell_last *was);
uint64_t funcs_send_syscall(struct live *l, const struct hl_cell *c, struct cell_last *was);
bool funcs_owner_gone(struct live *l, const struct hl_cell *c);
/* What a call of it costs, by what its begin and its end stand on; each of struct probe_costs. */
void func_cost_is(struct live *l, struct func *f, uint32_t begin, uint32_t end);
struct func_costs *func_costs_new(bool measure);
void func_costs_free(struct func_costs *c);
void funcs_estimate(struct live *l); /* says what they cost, where that is much */
/* Takes probes off that are too dear. */
void funcs_guard(struct live *l);

/* ---- func_go.c: where the time of a goroutine's call went */

void func_go_prepare(struct live *l, struct part *p); /* as funcs_prepare */
void func_go_open(struct live *l);
void func_go_attach(struct live *l, struct func *f); /* before its own probes are there */
void func_go_detach(struct live *l);
void func_go_guard(struct live *l, uint64_t ns); /* as funcs_guard, once in so long */
void func_go_fini(struct live *l);

/* ---- func_kernel.c: functions of the kernel ------------------------------------- */

/* Adds those that are asked for. 0, or -errno after one printed line; -EOPNOTSUPP: this kernel has none. */
int func_kernel_find(struct live *l, const struct func_ask *ask);
void func_kernel_prepare(struct live *l, struct part *p); /* before it is loaded */
int func_kernel_attach(struct live *l, struct func *f);
bool func_kernel_arg(const struct func *f, uint8_t nr, struct hl_func_arg *to);
/* Calls whose end the kernel skipped. */
uint64_t func_kernel_skipped(const struct live *l);

/* ---- feat.c: enum HL_CFG_* of what the kernel has ------------------------------- */

struct btf;
bool feat_supported(const struct btf *btf); /* false: this kernel is too old */
int feat_flags(uint32_t *flags);            /* 0; -EOPNOTSUPP: too old; -errno: no BTF */
/* Which of these this kernel has, tracepoints or functions that programs may hang on: bit i is of
 * names[i] (NULL-ended, at most 32). *known: with the functions that none may hang on. */
uint32_t feat_hooks(const char *const *names, uint32_t *known);
/* The names of an enumeration by their values from 0 on, at most max of them, without `prefix`; how many. */
size_t feat_enum(const char *type, const char *prefix, char (*names)[48], size_t max);

/* ---- live.c -------------------------------------------------------------------- */

struct live {
	struct live_cfg cfg;
	live_sink sink;
	void *arg;
	struct hl_cfg kcfg;
	struct object core, iter;
	struct shared sh;
	struct life life;
	struct cells cells;
	struct files files;
	struct locks locks;
	struct stacks stacks;
	struct user_stacks ustacks;
	struct occupants occupants;
	struct asker *asker; /* NULL: it could not be made */
	struct tier tier;
	struct part parts[NR_PARTS];
	struct kcgroups cgroups;
	struct hash *disks; /* number -> struct disk of disks.c */
	struct conns conns;
	struct dns dns;
	struct exchanges exchanges;
	struct funcs funcs;
	struct recbuf buf;
	struct ring_buffer *ring, *early_ring; /* all of them; what belongs to other records */
	uint64_t early_at;                     /* when that was drained last, CLOCK_BOOTTIME */
	struct watch watches[NR_HL_WATCHES];
	struct bpf_link *links[8];
	size_t nr_links;
	struct system_info sys;
	bool started, stopped;
	bool mute;           /* records are not handed on */
	uint32_t target_pid; /* the command that was started; 0: none */
	bool unfiltered;     /* there are targets, but the kernel side cannot tell which */
	uint64_t homed_open; /* calls in progress of threads whose slot is in task storage */
	bool iter_works;
	char iter_reason[96];
	int64_t clock_offset; /* boot - clock, now */
	uint64_t last_tick, started_boot, cpu0_ns;
	uint32_t looked; /* HL_LOOKED_*, since the last tick */
	uint64_t slow_delivered, life_delivered, damaged;
	int sink_err;
};

/* Build in l->buf, hand on, forget. */
#define LIVE_BEGIN(l, KIND, body)                                                                            \
	((struct hl_rec_##body *)rec_begin(&(l)->buf, HL_KIND_##KIND, sizeof(struct hl_rec_##body)))
void live_emit(struct live *l);                     /* what was begun last */
void live_gate(struct live *l);                     /* every thread is asked again whether its calls count */
void live_asked(struct live *l, uint64_t until_ns); /* what was asked and is answered by then */
uint64_t live_boot(const struct live *l, uint64_t clock); /* run queue clock -> CLOCK_BOOTTIME */

#endif
