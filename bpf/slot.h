/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Memory that the kernel side and the user side share while hostlat runs: thread
 * slots, aggregate cells, their key tables, per-CPU counters, and the line of
 * switches. Never part of a recording.
 *
 * Clocks here are the run queue's own clock (sched_clock): the scheduler has just
 * updated it when its tracepoints fire, so that reading it is one load, and the sums
 * agree with /proc/PID/schedstat to the nanosecond. struct hl_cpu holds pairs that
 * map it to CLOCK_BOOTTIME.
 */
#ifndef HL_SLOT_H
#define HL_SLOT_H

#include "bpf/abi.h"
#include "bpf/hist.h"

#define HL_HOLDER_ANY 0x80 /* beside an enum hl_holder: it may be a thread of another process */

/* ---- one thread ---------------------------------------------------------- */

#define HL_SLOT_OFF_CPU     (1u << 0) /* switched out: `since` is when */
#define HL_SLOT_LOWER_BOUND (1u << 1) /* the wait began before hostlat did */
#define HL_SLOT_KTHREAD     (1u << 2)
#define HL_SLOT_WAS_ASLEEP  (1u << 3) /* the time off the CPU began as a sleep */
#define HL_SLOT_ON_ITS_WAY  (1u << 4) /* … with a preemption on the way to a sleep */
#define HL_SLOT_WOKEN       (1u << 5) /* the last one did: `waker` says who ended it */

#define HL_BUSY 1 /* owner while a slot is being filled; 0: it is free */

/* States that one call can touch before the rest is booked as `other`. */
#define HL_CALL_STATES 6
#define HL_HINTS       8

/*
 * A slot is at tid & mask of hl_slots, or in task storage where that one is taken.
 * Only the hook named writes a member; seq is odd while sched_switch writes, so that a
 * reader sees whole values. Seven cache lines; a call that does not sleep touches the first, a
 * switch the first two and the clocks. The last is for who wakes the thread, most often on another
 * CPU: a switch leaves it there, but for waits for a disk, and where the group was throttled.
 */
struct hl_slot {
	/* who: at claim */
	__u64 owner; /* which task; 0: free */
	__u64 proc_start;
	__u64 regs; /* where its saved registers stand, on a stack that only it runs on; 0: free */
	/* sys_enter, sys_exit; open_states also sched_switch */
	__u64 call_begin; /* monotonic; 0: none open */
	__u32 pid;
	__u32 gate; /* as hl_ctl's when it was last asked whether this is a target; see HL_GATE_SHUT */
	union {
		struct {
			__u16 call_nr;
			__u8 call_abi;
			__u8 open_states; /* how many of the two arrays open_* are used; 0: it never left the
					     CPU */
		};
		__u32 call; /* all three */
	};
	union {
		struct {
			__u16 flags;      /* HL_SLOT_*: sched_switch */
			__u16 call_flags; /* HL_CALL_*: sys_enter, sys_exit */
		};
		__u32 both_flags;
	};
	__u16 hint[HL_HINTS]; /* where the cells of its calls probably are */

	/* sched_switch */
	__u64 since;     /* clock at the last switch */
	__u64 run_delay; /* the scheduler's count of queued time at the last switch … */
	__u64 ran;       /* … and of time on a CPU at the last switch-out */
	__u64 throttled; /* how long the run queue that it left had been throttled */
	__u64 object;    /* what is waited on, by `detail`; valid while off the CPU in a call */
	__u32 switches;  /* switch-ins */
	__u32 cfs_rq;    /* which run queue it left */
	__u16 seq;
	__u16 nr;   /* call in progress at switch-out, or HL_NR_* */
	__u8 state; /* while off the CPU */
	__u8 abi;
	__u16 wait_hint; /* where the cell of its last wait is */
	__u16 call_key;  /* kind of call that the wait is booked under: see restart_syscall */
	__u8 detail;     /* enum hl_detail */
	__u8 file;       /* enum hl_file */
	__u32 tid;       /* at claim */

	__u64 state_ns[NR_HL_STATES];

	__u64 begin;    /* clock when the ledger began: sched_switch */
	__u64 start;    /* at claim: start_boottime of the thread */
	__u32 call_gen; /* calls: which attachment of the tier saw it last */

	/* sched_switch, while a call is open */
	__u8 open_state[HL_CALL_STATES];
	/* calls: one that was interrupted and is to be restarted */
	__u16 restart_nr;
	__u16 restarts;         /* no more are counted than it holds */
	__u8 restart_state : 4; /* of restart_ns */
	__u8 restart_abi : 4;
	__u8 pad;
	__u32 restart_ip, restart_sp;     /* their low halves */
	__u64 restart_begin, restart_end; /* monotonic; begin 0: none */
	__u64 restart_ns; /* waited in its parts before a signal handler's calls came between */
	/* sched_switch, while a call is open */
	__u64 open_ns[HL_CALL_STATES];           /* the clock of that state when the call first touched it */
	__u64 open_phase_ns[NR_HL_BLOCK_PHASES]; /* phase_ns when it first waited for a disk */

	/* sched_waking */
	__u32 wake_tid; /* at claim: whose slot this is, once more */
	__u32 waker_tid, waker_pid;
	__u8 waker;            /* enum hl_waker */
	__u8 for_disk;         /* sched_switch: it may be a request's end that wakes it */
	__u16 wake_mark;       /* HL_WAKE_MARK of what was taken of the waker; 0: nothing was */
	__u64 woken_throttled; /* how long its run queue had been throttled by then */
	union {
		__u64 ended_ns[NR_HL_BLOCK_PHASES]; /* of the request whose end woke it */
		struct {
			__u32 holder; /* of a lock: who held it when the wait began, as its pid namespace says
				       */
			__u8 holder_how; /* enum hl_holder; HL_HOLDER_ANY */
		};
	};
	__u64 phase_ns[NR_HL_BLOCK_PHASES]; /* what it waited for a disk; clocks, as state_ns: sched_switch */
	__u64 fault;                        /* address of its last page fault, while files are counted */
};

#define HL_CALL_CHILD    (1u << 1) /* forked, and has not come out of its fork yet */
#define HL_CALL_GAPPED   (1u << 2) /* a signal handler's calls came between the parts of a restarted one */
#define HL_CALL_AWAY     (1u << 3) /* such a handler runs: the interrupted call has not come back */
#define HL_CALL_BACK     (1u << 4) /* it returned to the interrupted call */
#define HL_CALL_RESTARTS (1u << 5) /* one is interrupted, or was and came back */
#define HL_CALL_INSIDE   (1u << 6) /* it is in a traced function: set and cleared by probes of its own */

/* What a call that is begun or ended as most are has none of, in both_flags. */
#define HL_SLOT_ODD (HL_SLOT_OFF_CPU | HL_CALL_RESTARTS << 16)

/*
 * hl_ctl.gate grows by two whenever the calls tier is attached, or may have other targets.
 * A slot's that is equal: its calls count. One that differs by this: they do not. Any other:
 * it must be found out.
 */
#define HL_GATE_SHUT 1u

/* ---- aggregates ---------------------------------------------------------- */

/* Identity of an aggregate: key = pid | nr << 32 | state << 48 | abi << 56 | op << 59. */
#define HL_KEY(pid, nr, state, abi, op)                                                                      \
	((__u64)(__u32)(pid) | (__u64)(__u16)(nr) << 32 | (__u64)(__u8)(state) << 48 |                       \
	 (__u64)((abi)&0x7) << 56 | (__u64)((op)&0x1f) << 59)
#define HL_KEY_PID(k)   ((__u32)(k))
#define HL_KEY_NR(k)    ((__u16)((k) >> 32))
#define HL_KEY_STATE(k) ((__u8)((k) >> 48))
#define HL_KEY_ABI(k)   ((__u8)((k) >> 56 & 0x7))
#define HL_KEY_OP(k)    ((__u8)((k) >> 59))
#define HL_KEY_GONE     (~0ull) /* an entry that was given back */
#define HL_KEY_BUSY     (~1ull) /* one that is being filled */

/* One cell: one (process, operation) on one CPU, written by that CPU only. */
struct hl_cell {
	__u64 key;   /* 0: never used */
	__u64 start; /* of the process; (pid, start) is its identity */
	__u64 count, errors, total, max;
	__u32 cpu; /* whose it is */
	__u32 pad;
	__u64 state_ns[NR_HL_STATES];
	__u32 hist[HL_HIST_CELLS];
	/* of block requests and of waits for a disk, by enum hl_block_phase */
	__u64 phase_ns[NR_HL_BLOCK_PHASES];
	__u64 bytes, sequential;
	__u64 requeues;
	__u64 proc_start; /* of a lock's, of exchanges, or of calls in functions */
	__u64 addr[2]; /* of exchanges that were asked from here: the peer's address; of calls of functions:
			  in how many all system calls were seen */
};

/* What a cell is of: an operation, or one phase of a disk's requests (its key: device number,
 * block operation). */
#define HL_CELL_DISK NR_HL_OPS /* + the phase, so that each has an "(other)" cell of its own */
/* … or an operation on a file. Its key: where in hl_files the file is, instead of a process; or the
 * process with this bit, of the files that had no room there. */
#define HL_FILE_NO_ROOM (1u << 31)
#define HL_CELL_FILE    (HL_CELL_DISK + NR_HL_BLOCK_PHASES) /* + enum hl_op, of those that may be on files */
#define NR_HL_FILE_OPS  (HL_OP_URING + 1)
/* … or a process's waits for one lock: `start` is the lock's address then, proc_start the process's,
 * of which the key's call number has some bits. */
#define HL_CELL_LOCK (HL_CELL_FILE + NR_HL_FILE_OPS)
/* … or a process's TCP connections in one role, its call number: `sequential` came, `requeues` ended. */
#define HL_CELL_CONN (HL_CELL_LOCK + 1)
/* … or its exchanges in one role at one port, its call number: the state is the role, the table 1 where the
 * address is IPv6's; `start` is what process and peer hash to, `errors` were never answered. */
#define HL_CELL_EXCHANGE (HL_CELL_CONN + 1) /* + enum hl_exchange_part */
/* … or data that it sent again to one peer: keyed as those. */
#define HL_CELL_RESENT (HL_CELL_EXCHANGE + NR_HL_EXCHANGE_PARTS)
/* … or its system calls that were made in one function, of which `start` says which: see HL_INSIDE. */
#define HL_CELL_INSIDE              (HL_CELL_RESENT + 1)
#define NR_HL_CELL_KINDS            (HL_CELL_INSIDE + 1)
#define HL_INSIDE(proc_start, func) ((proc_start) << 16 | (__u16)(func))
#define HL_INSIDE_FUNC(start)       ((__u16)(start))
#define HL_LOCK_KEY(pid, proc_start, abi)                                                                    \
	HL_KEY(pid, (proc_start) >> 10 ^ (proc_start) >> 26, HL_STATE_LOCK, abi, HL_CELL_LOCK)

/* Key tables: one open-addressed region per CPU. */
struct hl_key {
	__u64 key; /* 0: empty */
	__u64 start;
	__u32 cell;
	__u32 pad;
	__u64 pad2;
};
#define HL_KEY_PROBES 8

/* ---- per CPU ------------------------------------------------------------- */

/* What the scheduler knows of a thread that comes to the CPU. */
struct hl_arrival {
	__u64 now, queued_at, run_delay, ran, throttled;
	__u32 cfs_rq, pad;
};

/* How the time off the CPU splits. */
struct hl_split {
	__u64 off, slept, queued, throttled;
	__u64 delay; /* what the scheduler's count of queued time has grown by */
};

#define HL_CONN_HINTS 4 /* no fewer than roles */

/* What user space sets stands here for each CPU: a hook has its CPU's at hand anyway. Counters only
 * grow. Each is written by its CPU. */
struct hl_cpu {
	__u64 id;           /* which CPU this is; set by user space */
	__u32 running;      /* where in hl_slots the thread is that came last, if it is there at all */
	__u32 files;        /* what is done to files is counted file by file; set by user space */
	__u64 slow_ns;      /* from what duration on an operation is slow; set by user space */
	__u64 interrupt_at; /* an address on its stack for interrupts; 0: not known */
	__u64 call_enter;
	__u64 waits_seen;
	__u64 clock;       /* the run queue's, and at the same moment `boot` */
	__u64 slices;      /* how many this CPU has left in hl_slices */
	__u64 waits_clock; /* times off the CPU with a clock that went backwards */
	__u64 waits_other; /* landed in the "(other)" cell */
	__u64 homeless;    /* switch-ins of a thread without a slot */
	__u64 threads_seen, threads_lost;
	__u64 slow_seen, slow_lost;
	__u64 life_seen, life_lost;
	__u64 call_superseded, call_noreturn, call_detached, call_restarted;
	__u64 orphan_attach, orphan_child, orphan_denied;
	__u64 calls_other, calls_overflow; /* (other) cell; more states than a call can hold */
	__u64 calls_clock;
	__u64 calls_homeless, call_looked;
	__u64 missed;       /* switch-outs that no tracepoint told of */
	__u64 targets_lost; /* children of targets that are none, for want of room */
	__u64 block_seen, block_full, block_unpaired, block_clock;
	__u64 slow_requests, slow_requests_lost;
	__u64 stack_at;                           /* when the stack of a request's submitter was taken last */
	__u16 block_hint[NR_HL_BLOCK_PHASES + 1]; /* where the cells of the last request are: its phases,
						     its process */
	__u16 uring_hint;
	__u64 files_seen;
	__u64 uring_seen, uring_full, uring_unpaired, uring_clock, uring_files;
	/* sched_switch's: there is no room on its stack */
	struct hl_arrival arrival;
	struct hl_split split;
	/* the last block request that ended here, by CLOCK_MONOTONIC */
	__u64 ended_at, ended_ns[NR_HL_BLOCK_PHASES];
	__u64 block_bios; /* of devices that make no requests */
	__u64 ustacks_seen, ustacks_full;
	__u64 boot; /* CLOCK_BOOTTIME */
	__u64 conn_seen, conn_clock, accepts_seen;
	__u64 conn_records, conn_records_lost;
	__u64 tcp_event_at; /* from when on an event of a connection is told of without a queue, and … */
	__u64 tcp_untold;   /* resets that were too many at once */
	__u16 conn_hint[HL_CONN_HINTS]; /* where the cells of the last ones are, by role */
	__u16 connect_hint, accept_hint;
	__u64 dns_seen, dns_lost, dns_unreadable, dns_full;
	__u64 exchanges_seen, exchanges_full, exchanges_clock;
	__u64 reads_seen;
	__u64 inside_seen, inside_lost; /* system calls in traced functions */
	__u64 pad[6];
};

/* ---- who ran ----------------------------------------------------------------- */

/* One stay on a CPU, from where the one before it in the CPU's ring ends. */
struct hl_slice {
	__u64 end;        /* the run queue's clock */
	__u64 interrupts; /* what they have taken on this CPU by then, where the kernel tells; else 0 */
	__u32 tid, next;  /* who ran, and who ran then; 0: the idle task */
};

/* ---- files --------------------------------------------------------------- */

/* What tells one file, as one process knows it, from all others. */
struct hl_file_id {
	__u64 inode, dentry; /* addresses */
	__u64 name, parent;  /* of the dentry: a rename changes one of them */
	__u64 ino;
	__u64 start; /* of the process */
	__u32 pid;
	__u32 generation; /* of the inode */
	__u32 dev;
	__u32 flags; /* HL_FILE_DELETED */
};

/* One that is retired is found no more; what found it just before is over when it is freed. */
enum hl_file_state { HL_FILE_FREE, HL_FILE_BUSY, HL_FILE_KNOWN, HL_FILE_RETIRED };

#define HL_FILE_PATH   512
#define HL_GIVEN_ROOM  256 /* of a name that a program gave */
#define HL_FILE_PROBES 16

/* Open-addressed in hl_files; the first one is nobody's. Taken by the kernel, given back by user
 * space when the process is gone, or has not used it for long, and its cells were drained. */
struct hl_file_entry {
	struct hl_file_id id;
	__u32 state;      /* enum hl_file_state */
	__u32 path_flags; /* HL_SLOW_*, as path_of leaves them */
	__u32 path_len;
	__u32 pad;
	char path[HL_FILE_PATH]; /* leaf first, as path_of leaves it; by name: that as it was given, and
				    then its directory's so */
};

#define HL_ROOM_BYTES 944 /* of struct slow_room in bpf/slow.bpf.h; one for each CPU */

/* ---- fixed at load, and what may change while running ------------------------ */

#define HL_CFG_PREV_STATE (1u << 0) /* sched_switch passes prev_state (v5.18, fa2c3254d7cf) */
#define HL_CFG_PREEMPT    (1u << 1) /* hooks run preemptible: hold preemption off (bpf_preempt_disable) */
#define HL_CFG_CAST       (1u << 2) /* bpf_rdonly_cast exists: typed loads instead of a helper */
#define HL_CFG_CGROUPS    (1u << 3) /* it has cgroups: tells when a process moves to another */
#define HL_CFG_URING      (1u << 4) /* io_uring's tracepoints say which request they are of … */
#define HL_CFG_URING_REQ  (1u << 5) /* … at its begin as their first argument, else as the second */
#define HL_CFG_URING_CQE  (1u << 6) /* … and its result comes in the completion's entry */
#define HL_CFG_RESUME5    (1u << 7) /* programs may run when a thread returns to user mode: v6.18's way … */
#define HL_CFG_RESUME4    (1u << 8) /* … or that of later ones, with one argument less */
#define HL_CFG_RESENT_ERR (1u << 9) /* tcp_retransmit_skb says whether it could be sent */
#define HL_CFG_RST_REASON (1u << 10) /* tcp_send_reset says why (v6.10) */
#define HL_CFG_SOCK_TP    (1u << 11) /* it tells what goes over which socket (v6.3, 6e6eda44b939) */
#define HL_CFG_MULTI      (1u << 14) /* many probes with one link: those of v6.12 and later */
#define HL_CFG_SESSION    (1u << 15) /* … of both ends of a function (v6.13) */
#define HL_CFG_NEW                                                                                           \
	(HL_CFG_CAST | HL_CFG_SOCK_TP | HL_CFG_MULTI |                                                       \
	 HL_CFG_SESSION)             /* what came after v6.1, and has another way */
#define HL_CFG_CONG_STATE (1u << 13) /* tcp_cong_state_set tells when a loss is found (v5.19) */
#define HL_CFG_HOLD       (1u << 12) /* a program may hold preemption off, whatever it calls (v6.15) */
#define HL_CFG_QUEUE_OUT  (1u << 16) /* what is out of quota is a run queue, with all on it (until v6.18) */
#define HL_CFG_NEVER      (1u << 31) /* no kernel has it */

struct hl_cfg {
	__u32 slot_mask; /* number of slots - 1 */
	__u32 key_mask;  /* key entries per CPU - 1 */
	__u32 nr_cells;
	__u32 nr_cpus; /* possible ones */
	__u32 flags;
	__u32 self;         /* our own tgid */
	__u32 file_mask;    /* number of files - 1 */
	__u32 ustack_bytes; /* of a user stack, whole pages; 0: none are taken */
	__u32 slice_bits;   /* each CPU's ring in hl_slices has 1 << that entries; 0: there is none */
	__u32 max_socks;    /* TCP sockets of which anything is kept */
	__u32 jiffy_ns;
	__u32 max_exchanges; /* TCP sockets whose exchanges are looked at */
};

#define HL_FILTER_ON     (1u << 0) /* the calls tier looks at targets only */
#define HL_FILTER_FOLLOW (1u << 1) /* a target's children are targets */
#define HL_MAX_COMMS     8
#define HL_MAX_CGROUPS   8

/* Of what user stacks are taken, each kind at a rate of its own. */
#define HL_USTACK_LIST(X) /* X(NAME, gap: one where those that come most often have so many) */              \
	X(WAIT, 1)                                                                                           \
	X(CALL, 1)                                                                                           \
	X(EVENT, 25) /* calls that wait for the next event */                                                \
	X(REST, 2)   /* … that wait for work otherwise: sleeps, conditions, children */                    \
	X(WAKER, 4)  /* of who ended a slow wait */

enum hl_ustack_kind {
#define X(NAME, gap) HL_USTACK_##NAME,
	HL_USTACK_LIST(X)
#undef X
		HL_USTACK_KINDS
};

struct hl_ctl {
	__u32 calls_gen; /* grows with each attachment of the calls tier */
	__u32 gate;      /* see HL_GATE_SHUT */
	__u32 filter;
	__u32 nr_comms, nr_cgroups;
	__u32 pool_next; /* first cell that was never handed out */
	__u32 look;      /* the calls tier only counts how many there are */
	__u32 found;     /* all threads that were there before have their homes */
	/* entries of files that were named and not opened: the kernel's count of those taken, and user
	 * space's of those given back */
	__u32 names_taken, names_freed;
	__u64 free_head; /* kernel takes here … */
	__u64 free_tail; /* … user space gives back there: never to wrap, for the ring's size is no power of
			    two */
	__u64 cgroups[HL_MAX_CGROUPS];
	char comms[HL_MAX_COMMS][HL_COMM_LEN];
	__u64 blocked_ns; /* from what age on a thread is blocked */
	/* user stacks: one of each kind each so many ns, 0: none; from when on the next one is due, and
	 * how many there were */
	__u64 ustack_ns[HL_USTACK_KINDS], ustack_at[HL_USTACK_KINDS];
	__u32 ustack_next, pad;
	__u64 exec_woke;       /* when an exec waked user space last */
	__u32 socks;           /* TCP sockets of which something is kept */
	__u32 settled;         /* whoever holds a connection now is whose it is, however young it is */
	__u32 ownerless;       /* connections of nobody who is known, as far as the last look saw them */
	__u32 exchange_gen;    /* grows with each attachment of the hooks of exchanges */
	__u32 exchanges;       /* sockets whose exchanges are looked at … */
	__u32 exchanges_found; /* … and those that the iterator has come by */
	__u32 func_calls;      /* every call of a traced function is told of */
	__u32 tell_all;        /* a look tells of every socket, whether it moved or not */
	__u32 watch_gen;       /* as calls_gen while calls are counted, else 0 */
	__u32 pad2;
};

/* ---- TCP sockets --------------------------------------------------------------- */

#define HL_SOCK_EXISTED   (1u << 0) /* found, its begin was not seen */
#define HL_SOCK_COUNTED   (1u << 1) /* that it came was counted */
#define HL_SOCK_FOUND     (1u << 2) /* its process is who was found to hold it */
#define HL_SOCK_ENDED     (1u << 3) /* it is closed, but whose it was is not known yet */
#define HL_SOCK_DONE      (1u << 4) /* all that there is to say of it was said */
#define HL_SOCK_BYTES     232       /* what the kernel needs for one; more or less */
#define HL_EXCHANGE_BYTES 512       /* the same of a socket whose exchanges are looked at */

/* What is kept of a TCP socket, with the socket. Its hooks write it with the socket locked, and while it
 * is read the iterators what is theirs. */
struct hl_sock {
	__u64 begin;      /* CLOCK_BOOTTIME: when its handshake began, or it was found */
	__u64 connect_ns; /* how long its handshake took; 0: not known */
	__u64 ended;      /* CLOCK_BOOTTIME; 0: it is open */
	__u64 start;      /* of its process */
	__u64 told;       /* when something that happened to it was told of last */
	/* data that was sent again and is not known to have come: when it was first and last, CLOCK_MONOTONIC
	 * (0: it is none; not yet) … */
	__u64 resent_first, resent_last;
	__u64 resent_ns, resent_max; /* … and of all that are over */
	__u32 resent_seq, resents;
	__u32 pid, tid; /* 0: not known */
	__u32 untold;   /* times that it sent again since then */
	__u32 sent;     /* segments in and out when its figures were sent last: the iterator's */
	__u16 resets_sent, resets_received;
	__u8 role, flags; /* enum hl_role, HL_SOCK_* */
	__u8 end;         /* enum hl_end */
	__u8 sent_state;  /* the iterator's */
};

_Static_assert(sizeof(struct hl_slot) == 448, "128 Ki slots are 56 MiB");
_Static_assert(__builtin_offsetof(struct hl_slot, since) == 64, "a slot's first line is the calls'");
_Static_assert(__builtin_offsetof(struct hl_slot, state_ns) == 128, "the second is a switch's");
_Static_assert(__builtin_offsetof(struct hl_slot, wake_tid) == 384, "the last is the waker's");
_Static_assert(sizeof(struct hl_cell) % 64 == 0, "cell is whole cache lines");
_Static_assert(sizeof(struct hl_cpu) % 64 == 0, "per-CPU counters do not share lines");

#endif
