/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The ground-truth generator: loads whose calls, waits and times are known
 * because the program that makes them counts and times itself. Tests compare
 * what hostlat says with the JSON that this program prints.
 *
 * Everything that is counted lives in one shared mapping (struct w_shared), so
 * that it outlives a killed thread or process. A call is "attempted" before it
 * is made and "returned" after. For every thread listed, the count of a call
 * that is listed is complete: no other call of that name was made by the
 * thread, the C library's start and end of a thread or process excepted, and
 * with --pthread the futex calls of its mutex or condition.
 *
 * Times are nanoseconds of CLOCK_BOOTTIME. Functions that can fail return a
 * negative errno, and the one that knows what was tried prints one line.
 */
#ifndef WORK_H
#define WORK_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "../../bpf/abi.h"

#define MS 1000000ULL
#define S  1000000000ULL

#define W_SKIP 77 /* exit status: the kernel lacks what the mode needs */

/* Calls that only some architectures have. */
#ifndef SYS_poll
#define SYS_poll       -1
#define SYS_select     -1
#define SYS_epoll_wait -1
#define SYS_vfork      -1
#endif

/* Calls that can be counted: X(ID, name, number). */
#define W_CALLS(X)                                                                                           \
	X(READ, "read", SYS_read)                                                                            \
	X(WRITE, "write", SYS_write)                                                                         \
	X(PREAD, "pread64", SYS_pread64)                                                                     \
	X(OPENAT, "openat", SYS_openat)                                                                      \
	X(CLOSE, "close", SYS_close)                                                                         \
	X(FSYNC, "fsync", SYS_fsync)                                                                         \
	X(FLOCK, "flock", SYS_flock)                                                                         \
	X(FADVISE, "fadvise64", SYS_fadvise64)                                                               \
	X(NANOSLEEP, "nanosleep", SYS_nanosleep)                                                             \
	X(CLOCK_NANOSLEEP, "clock_nanosleep", SYS_clock_nanosleep)                                           \
	X(CLOCK_GETTIME, "clock_gettime", SYS_clock_gettime)                                                 \
	X(FUTEX, "futex", SYS_futex)                                                                         \
	X(POLL, "poll", SYS_poll)                                                                            \
	X(PPOLL, "ppoll", SYS_ppoll)                                                                         \
	X(SELECT, "select", SYS_select)                                                                      \
	X(PSELECT, "pselect6", SYS_pselect6)                                                                 \
	X(EPOLL_WAIT, "epoll_wait", SYS_epoll_wait)                                                          \
	X(EPOLL_PWAIT, "epoll_pwait", SYS_epoll_pwait)                                                       \
	X(SOCKET, "socket", SYS_socket)                                                                      \
	X(CONNECT, "connect", SYS_connect)                                                                   \
	X(ACCEPT, "accept", SYS_accept)                                                                      \
	X(RECVFROM, "recvfrom", SYS_recvfrom)                                                                \
	X(SENDTO, "sendto", SYS_sendto)                                                                      \
	X(MQ_SEND, "mq_timedsend", SYS_mq_timedsend)                                                         \
	X(MQ_RECEIVE, "mq_timedreceive", SYS_mq_timedreceive)                                                \
	X(MSGSND, "msgsnd", SYS_msgsnd)                                                                      \
	X(MSGRCV, "msgrcv", SYS_msgrcv)                                                                      \
	X(SIGTIMEDWAIT, "rt_sigtimedwait", SYS_rt_sigtimedwait)                                              \
	X(SIGRETURN, "rt_sigreturn", SYS_rt_sigreturn)                                                       \
	X(TGKILL, "tgkill", SYS_tgkill)                                                                      \
	X(KILL, "kill", SYS_kill)                                                                            \
	X(WAIT4, "wait4", SYS_wait4)                                                                         \
	X(CLONE, "clone", SYS_clone)                                                                         \
	X(CLONE3, "clone3", SYS_clone3)                                                                      \
	X(VFORK, "vfork", SYS_vfork)                                                                         \
	X(EXECVE, "execve", SYS_execve)                                                                      \
	X(GETPPID, "getppid", SYS_getppid)                                                                   \
	X(GETPID, "getpid", SYS_getpid)                                                                      \
	X(GETTID, "gettid", SYS_gettid)                                                                      \
	X(GETRUSAGE, "getrusage", SYS_getrusage)                                                             \
	X(PRCTL, "prctl", SYS_prctl)                                                                         \
	X(SECCOMP, "seccomp", SYS_seccomp)                                                                   \
	X(SCHED_YIELD, "sched_yield", SYS_sched_yield)                                                       \
	X(SETAFFINITY, "sched_setaffinity", SYS_sched_setaffinity)                                           \
	X(IA32_GETPID, "ia32:getpid", -1)

enum w_call_id {
#define X(id, name, nr) C_##id,
	W_CALLS(X)
#undef X
		NR_W_CALLS
};

struct w_count {
	uint64_t attempted;
	uint64_t returned;
	uint64_t errors;
};

/* One thread: written by it alone, readable by all. */
struct w_thread {
	uint32_t pid;
	uint32_t tid;
	char role[16];
	char name[16];    /* hostile: the name that the thread took, any bytes */
	struct w *w;      /* this process' context; NULL after an exec */
	int schedstat;    /* descriptor, -1: none */
	uint32_t running; /* 1 between begin and end */
	uint64_t begin_ns;
	uint64_t end_ns;   /* 0: still running, or killed */
	uint64_t cpu_ns;   /* CLOCK_THREAD_CPUTIME_ID at the end: of the whole life */
	uint64_t delay_ns; /* /proc schedstat: time runnable and not running, of the whole life */
	uint64_t cpu0_ns;  /* both at the begin: the states are counted from there */
	uint64_t delay0_ns;
	struct w_count calls[NR_W_CALLS];
	uint64_t state_ns[NR_HL_STATES];
	uint64_t waits[NR_HL_STATES];
	uint64_t max_ns[NR_HL_STATES];
};

/* A short-lived process or thread that has no slot of its own. */
struct w_child {
	uint32_t pid;
	uint32_t fate; /* enum w_fate */
	uint64_t begin_ns;
	uint64_t end_ns;
};

enum w_fate { W_OPEN, W_EXITED, W_KILLED };

/* One call of at least a millisecond. */
struct w_slow {
	uint32_t pid;
	uint32_t tid;
	uint32_t call;
	uint32_t state;
	uint64_t begin_ns;
	uint64_t duration_ns;
};

/* A number of the mode's own. */
struct w_extra {
	char key[32];
	double value;
};

#define W_MAX_THREADS  32768
#define W_MAX_CHILDREN 131072
#define W_MAX_SLOW     65536
#define W_MAX_EXTRA    24
#define W_MAGIC        0x776f726b31306c68ULL

struct w_shared {
	uint64_t magic;
	char mode[24];
	uint32_t pid;
	uint32_t stop;     /* 1: finish as soon as you can */
	uint32_t failed;   /* 1: something went wrong, and was printed */
	uint32_t gate;     /* futex: 0 closed, 1 open */
	uint32_t finished; /* 1: the mode came to its end */
	uint32_t nr_extra;
	uint32_t nr_threads, nr_children, nr_slow; /* may exceed the maximum: the rest is not kept */
	uint64_t number[8];                        /* for the modes, between processes */
	uint32_t word[8];                          /* futex words and flags for the modes */
	uint64_t begin_ns;
	uint64_t end_ns;
	struct w_extra extra[W_MAX_EXTRA];
	struct w_child children[W_MAX_CHILDREN];
	struct w_slow slow[W_MAX_SLOW];
	struct w_thread threads[W_MAX_THREADS];
};

struct w_opt {
	uint32_t threads;
	uint64_t each; /* 0: until the time is up */
	uint64_t hold_ns;
	double seconds; /* 0: until the count is reached */
	uint64_t signals;
	uint64_t rate;
	uint32_t tid_base, tid_step;
	int ready_fd;
	bool wait, gate, exec, pthread, sysv, list_slow, spread;
	const char *cpu;
	const char *file;
	const char *calls;
	const char *json;
	const char *shm;
};

struct w_worker;

/* The context of one process. */
struct w {
	struct w_shared *sh;
	const struct w_mode *mode;
	struct w_opt opt;
	struct w_thread *main; /* slot of the main thread */
	int shm_fd;            /* inherited by an exec */
	size_t stack;          /* of a new thread, bytes */
	struct w_worker *workers;
	uint32_t nr_workers;
	uint64_t deadline_ns; /* 0: none */
	void *mem[8];         /* what w_alloc gave */
	uint32_t nr_mem;
};

struct w_mode {
	const char *name;
	const char *help;
	int (*run)(struct w *w); /* 0, -errno (printed), or W_SKIP */
	uint32_t threads;
	uint64_t each;
	double hold_ms;
	double seconds;
};

typedef void (*w_fn)(struct w_thread *t, void *arg);

/* ---- core.c: slots, time, calls ------------------------------------------ */

uint64_t w_now(void);
uint64_t w_thread_cpu(void);
struct timespec w_ts(uint64_t ns);

/* Prints "work: what: reason" and marks the run as failed. Returns err. */
int w_fail(struct w *w, const char *what, int err);
/* Prints why the mode cannot run on this kernel. Returns W_SKIP. */
int w_skip(const char *why);
void w_extra(struct w *w, const char *key, double value);

/* A new slot, zeroed; NULL when there are no more. */
struct w_thread *w_slot(struct w *w, const char *role);
/* The calling thread takes the slot, and leaves it. */
void w_begin(struct w_thread *t);
void w_end(struct w_thread *t);

/* Makes a call and counts it; t may be NULL. Returns the result or -errno. */
long w_call(struct w_thread *t, enum w_call_id id, const long a[6]);
/* Also adds the time asleep in it (wall less CPU less time on the run queue) to a state. */
long w_wait(struct w_thread *t, enum hl_state state, enum w_call_id id, const long a[6]);

#define L(x)                    ((long)(x))
#define ARGS(...)               ((const long[6]){ __VA_ARGS__ })
#define CALL(t, ID, ...)        w_call(t, C_##ID, ARGS(__VA_ARGS__))
#define WAIT(t, STATE, ID, ...) w_wait(t, HL_STATE_##STATE, C_##ID, ARGS(__VA_ARGS__))

/* The same measurement around anything else that may sleep. */
struct w_span {
	uint64_t wall, cpu, delay;
};
void w_span_open(struct w_thread *t, struct w_span *s);
/* Returns the wall time of the span. */
uint64_t w_span_close(struct w_thread *t, struct w_span *s, enum hl_state state);

long w_sleep(struct w_thread *t, uint64_t ns);
/* Whether round number done (from 0) is still to be made. */
bool w_more(struct w *w, uint64_t done);

/* ---- run.c: threads, processes ------------------------------------------- */

/* Starts a thread that runs fn with a slot of its own. */
int w_spawn(struct w *w, const char *role, w_fn fn, void *arg);
/* Zeroed memory for what the threads share, which outlives the mode's function; NULL after saying so. */
void *w_alloc(struct w *w, size_t n, size_t size);
/* Frees it all; not while a thread may still be there. */
void w_free(struct w *w);
/* Opens the gate and waits until all threads are gone; sets stop when the time is up.
 * -EIO when one of them failed: others may then still be there. */
int w_join(struct w *w);
/* n threads with the same function, to their end. */
int w_run(struct w *w, const char *role, uint32_t n, w_fn fn, void *arg);
/* Waits until the time is up or a signal asks to stop. */
void w_pass_time(struct w *w);
/* Says a word on --ready's descriptor, or on stderr. */
void w_say(struct w *w, const char *word);

/* A process by clone(2), without the C library's part: the child may only make calls. 0 in the child. */
long w_fork(struct w_thread *t);
/* A child process that takes the slot c (NULL: -E2BIG), runs fn and exits. Returns its pid or -errno. */
long w_child(struct w_thread *t, struct w_thread *c, w_fn fn, void *arg);
/* What such a child does, for other ways to make it. Does not return. */
void w_child_main(struct w_thread *c, w_fn fn, void *arg) __attribute__((noreturn));
/* Replaces the caller by this program in a hidden mode; returns -errno when that failed. */
long w_exec_self(struct w_thread *t, char *const argv[]);
/* Waits for a child; returns its wait status or -errno. */
long w_reap(struct w_thread *t, long pid);
void w_note(struct w *w, uint32_t pid, enum w_fate fate, uint64_t begin_ns);
/* The number of a thread among the slots, the first one that was started being 0. */
uint32_t w_index(const struct w_thread *t);
/* Waits until the thread sleeps or is gone. Returns its state letter, 0 when gone or after 5 s. */
char w_until_asleep(struct w_thread *t, uint32_t pid, uint32_t tid);
/* The same, once the thread has begun a call of that name. */
char w_until_in(struct w_thread *t, struct w_thread *other, enum w_call_id id);
/* Pins the caller on number i of the CPUs in --cpu (all online ones without it). */
int w_pin(struct w_thread *t, uint32_t i);
/* The CPU that w_pin would take; -errno when the list is bad. */
int w_cpu(struct w *w, uint32_t i);
/* The file of thread i: --file or a new name in /tmp. Fills buf. */
void w_path(struct w *w, uint32_t i, char *buf, size_t size);

/* ---- json.c -------------------------------------------------------------- */

/* Writes the document to --json or stdout. */
int w_print(struct w *w);

/* ---- chan.c: a reader that waits for a writer ------------------------------ */

struct w_chan {
	int rfd, wfd;
	enum w_call_id rcall, wcall;
	enum hl_state state;
	/* Waits until rfd can be read, when the read itself is not to wait. */
	long (*ready)(struct w_thread *t, struct w_chan *c);
	int extra_fd; /* for ready */
};

/* A reader and a writer of the same channel. */
int w_chan_start(struct w *w, struct w_chan *c);
void w_chan_read(struct w_thread *t, void *chan);
void w_chan_write(struct w_thread *t, void *chan);
/* A connected TCP pair over loopback; -errno. */
int w_tcp_pair(struct w_thread *t, int *client, int *accepted);
int w_listen(struct w_thread *t, uint16_t *port);

/* Workers that the mixed load takes from the modes. */
void w_sleeper(struct w_thread *t, void *unused);
void w_spinner(struct w_thread *t, void *unused);
void w_fsyncer(struct w_thread *t, void *unused);
void w_convoy(struct w_thread *t, void *futex_word);

#endif
