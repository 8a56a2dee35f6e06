/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What each system call is to the ledger, in every system call table that a thread may
 * use. A call that is not here is CALL_PLAIN. X(x86-64 number, ia32 number, asm-generic
 * number (arm64), class); -1 where a table has no such call.
 */
#ifndef HL_CALLS_H
#define HL_CALLS_H

#define HL_CALL_LIST(X)                                                                                      \
	X(0, 3, 63, READ)        /* read */                                                                  \
	X(17, 180, 67, READ)     /* pread64 */                                                               \
	X(19, 145, 65, READ)     /* readv */                                                                 \
	X(295, 333, 69, READ)    /* preadv */                                                                \
	X(327, 378, 286, READ)   /* preadv2 */                                                               \
	X(1, 4, 64, WRITE)       /* write */                                                                 \
	X(18, 181, 68, WRITE)    /* pwrite64 */                                                              \
	X(20, 146, 66, WRITE)    /* writev */                                                                \
	X(296, 334, 70, WRITE)   /* pwritev */                                                               \
	X(328, 379, 287, WRITE)  /* pwritev2 */                                                              \
	X(40, 187, 71, WRITE)    /* sendfile: to the first descriptor */                                     \
	X(-1, 239, -1, WRITE)    /* sendfile64 */                                                            \
	X(285, 324, 47, WRITE)   /* fallocate */                                                             \
	X(77, 93, 46, WRITE)     /* ftruncate */                                                             \
	X(-1, 194, -1, WRITE)    /* ftruncate64 */                                                           \
	X(45, 371, 207, RECV)    /* recvfrom */                                                              \
	X(47, 372, 212, RECV)    /* recvmsg */                                                               \
	X(299, 337, 243, RECV)   /* recvmmsg */                                                              \
	X(-1, 417, -1, RECV)     /* recvmmsg_time64 */                                                       \
	X(44, 369, 206, SEND)    /* sendto */                                                                \
	X(46, 370, 211, SEND)    /* sendmsg */                                                               \
	X(307, 345, 269, SEND)   /* sendmmsg */                                                              \
	X(42, 362, 203, CONNECT) /* connect */                                                               \
	X(43, -1, 202, ACCEPT)   /* accept */                                                                \
	X(288, 364, 242, ACCEPT) /* accept4 */                                                               \
	X(7, 168, -1, POLL)      /* poll */                                                                  \
	X(271, 309, 73, POLL)    /* ppoll */                                                                 \
	X(-1, 414, -1, POLL)     /* ppoll_time64 */                                                          \
	X(23, 142, -1, SELECT)   /* select */                                                                \
	X(270, 308, 72, SELECT)  /* pselect6 */                                                              \
	X(-1, 413, -1, SELECT)   /* pselect6_time64 */                                                       \
	X(232, 256, -1, EPOLL)   /* epoll_wait */                                                            \
	X(281, 319, 22, EPOLL)   /* epoll_pwait */                                                           \
	X(441, 441, 441, EPOLL)  /* epoll_pwait2 */                                                          \
	X(426, 426, 426, URING)  /* io_uring_enter */                                                        \
	X(208, 247, 4, URING)    /* io_getevents */                                                          \
	X(333, 385, 292, URING)  /* io_pgetevents */                                                         \
	X(-1, 416, -1, URING)    /* io_pgetevents_time64 */                                                  \
	X(74, 118, 82, SYNC)     /* fsync */                                                                 \
	X(75, 148, 83, SYNC)     /* fdatasync */                                                             \
	X(162, 36, 81, SYNC)     /* sync */                                                                  \
	X(306, 344, 267, SYNC)   /* syncfs */                                                                \
	X(277, 314, 84, SYNC)    /* sync_file_range */                                                       \
	X(26, 144, 227, SYNC)    /* msync */                                                                 \
	X(202, 240, 98, FUTEX)   /* futex */                                                                 \
	X(-1, 422, -1, FUTEX)    /* futex_time64 */                                                          \
	X(455, 455, 455, FUTEX2) /* futex_wait */                                                            \
	X(449, 449, 449, FUTEX2) /* futex_waitv */                                                           \
	X(35, 162, 101, SLEEP)   /* nanosleep */                                                             \
	X(230, 267, 115, SLEEP)  /* clock_nanosleep */                                                       \
	X(-1, 407, -1, SLEEP)    /* clock_nanosleep_time64 */                                                \
	X(61, 114, 260, CHILD)   /* wait4 */                                                                 \
	X(247, 284, 95, CHILD)   /* waitid */                                                                \
	X(-1, 7, -1, CHILD)      /* waitpid */                                                               \
	X(58, 190, -1, CHILD)    /* vfork: until the child execs or exits */                                 \
	X(56, 120, 220, CHILD)   /* clone, with CLONE_VFORK */                                               \
	X(435, 435, 435, CHILD)  /* clone3 */                                                                \
	X(34, 29, -1, SIGNAL)    /* pause */                                                                 \
	X(130, 179, 133, SIGNAL) /* rt_sigsuspend */                                                         \
	X(128, 177, 137, SIGNAL) /* rt_sigtimedwait */                                                       \
	X(-1, 421, -1, SIGNAL)   /* rt_sigtimedwait_time64 */                                                \
	X(-1, 72, -1, SIGNAL)    /* sigsuspend */                                                            \
	X(69, 400, 189, IPC)     /* msgsnd */                                                                \
	X(70, 401, 188, IPC)     /* msgrcv */                                                                \
	X(65, -1, 193, IPC)      /* semop */                                                                 \
	X(220, -1, 192, IPC)     /* semtimedop */                                                            \
	X(-1, 420, -1, IPC)      /* semtimedop_time64 */                                                     \
	X(-1, 117, -1, IPC)      /* ipc: the old multiplexer */                                              \
	X(242, 279, 182, IPC)    /* mq_timedsend */                                                          \
	X(243, 280, 183, IPC)    /* mq_timedreceive */                                                       \
	X(-1, 418, -1, IPC)      /* mq_timedsend_time64 */                                                   \
	X(-1, 419, -1, IPC)      /* mq_timedreceive_time64 */                                                \
	X(73, 143, 32, FLOCK)    /* flock */                                                                 \
	X(72, 55, 25, FCNTL)     /* fcntl */                                                                 \
	X(-1, 221, -1, FCNTL)    /* fcntl64 */                                                               \
	X(16, 54, 29, IOCTL)     /* ioctl */                                                                 \
	X(275, 313, 76, READ)    /* splice: from the first descriptor */                                     \
	X(276, 315, 77, READ)    /* tee */                                                                   \
	X(219, 0, 128, RESTART)  /* restart_syscall */                                                       \
	X(-1, 102, -1, SOCKET)   /* socketcall */

/*
 * Calls whose time belongs to a file. X(x86-64, ia32, asm-generic, which): which argument is
 * its descriptor, or whether the result is; BY_*: which argument is its name; ON_BYTES: the result
 * counts bytes.
 */
#define HL_FILE_LIST(X)                                                                                      \
	X(0, 3, 63, ON_FIRST | ON_BYTES)         /* read */                                                  \
	X(17, 180, 67, ON_FIRST | ON_BYTES)      /* pread64 */                                               \
	X(19, 145, 65, ON_FIRST | ON_BYTES)      /* readv */                                                 \
	X(295, 333, 69, ON_FIRST | ON_BYTES)     /* preadv */                                                \
	X(327, 378, 286, ON_FIRST | ON_BYTES)    /* preadv2 */                                               \
	X(1, 4, 64, ON_FIRST | ON_BYTES)         /* write */                                                 \
	X(18, 181, 68, ON_FIRST | ON_BYTES)      /* pwrite64 */                                              \
	X(20, 146, 66, ON_FIRST | ON_BYTES)      /* writev */                                                \
	X(296, 334, 70, ON_FIRST | ON_BYTES)     /* pwritev */                                               \
	X(328, 379, 287, ON_FIRST | ON_BYTES)    /* pwritev2 */                                              \
	X(74, 118, 82, ON_FIRST)                 /* fsync */                                                 \
	X(75, 148, 83, ON_FIRST)                 /* fdatasync */                                             \
	X(277, 314, 84, ON_FIRST)                /* sync_file_range */                                       \
	X(306, 344, 267, ON_FIRST)               /* syncfs */                                                \
	X(285, 324, 47, ON_FIRST)                /* fallocate */                                             \
	X(77, 93, 46, ON_FIRST)                  /* ftruncate */                                             \
	X(-1, 194, -1, ON_FIRST)                 /* ftruncate64 */                                           \
	X(221, 250, 223, ON_FIRST)               /* fadvise64 */                                             \
	X(187, 225, 213, ON_FIRST)               /* readahead */                                             \
	X(78, 141, -1, ON_FIRST | ON_BYTES)      /* getdents */                                              \
	X(217, 220, 61, ON_FIRST | ON_BYTES)     /* getdents64 */                                            \
	X(5, 108, 80, ON_FIRST)                  /* fstat */                                                 \
	X(-1, 197, -1, ON_FIRST)                 /* fstat64 */                                               \
	X(73, 143, 32, ON_FIRST)                 /* flock */                                                 \
	X(91, 94, 52, ON_FIRST)                  /* fchmod */                                                \
	X(93, 207, 55, ON_FIRST)                 /* fchown */                                                \
	X(40, 187, 71, ON_SECOND | ON_BYTES)     /* sendfile: from the second descriptor */                  \
	X(-1, 239, -1, ON_SECOND | ON_BYTES)     /* sendfile64 */                                            \
	X(275, 313, 76, ON_EITHER | ON_BYTES)    /* splice: the other end is a pipe */                       \
	X(326, 377, 285, ON_THIRD | ON_BYTES)    /* copy_file_range: to the second descriptor */             \
	X(2, 5, -1, ON_RESULT | BY_NAME)         /* open */                                                  \
	X(85, 8, -1, ON_RESULT | BY_NAME)        /* creat */                                                 \
	X(257, 295, 56, ON_RESULT | BY_NAME_AT)  /* openat */                                                \
	X(437, 437, 437, ON_RESULT | BY_NAME_AT) /* openat2 */                                               \
	X(4, 106, -1, BY_NAME)                   /* stat */                                                  \
	X(-1, 195, -1, BY_NAME)                  /* stat64 */                                                \
	X(6, 107, -1, BY_NAME)                   /* lstat */                                                 \
	X(-1, 196, -1, BY_NAME)                  /* lstat64 */                                               \
	X(262, -1, 79, BY_NAME_AT)               /* newfstatat */                                            \
	X(-1, 300, -1, BY_NAME_AT)               /* fstatat64 */                                             \
	X(332, 383, 291, BY_NAME_AT)             /* statx */                                                 \
	X(21, 33, -1, BY_NAME)                   /* access */                                                \
	X(269, 307, 48, BY_NAME_AT)              /* faccessat */                                             \
	X(439, 439, 439, BY_NAME_AT)             /* faccessat2 */                                            \
	X(89, 85, -1, BY_NAME)                   /* readlink */                                              \
	X(267, 305, 78, BY_NAME_AT)              /* readlinkat */                                            \
	X(137, 99, 43, BY_NAME)                  /* statfs */                                                \
	X(87, 10, -1, BY_NAME)                   /* unlink */                                                \
	X(263, 301, 35, BY_NAME_AT)              /* unlinkat */                                              \
	X(84, 40, -1, BY_NAME)                   /* rmdir */                                                 \
	X(82, 38, -1, BY_NAME)                   /* rename: the old name */                                  \
	X(264, 302, 38, BY_NAME_AT)              /* renameat */                                              \
	X(316, 353, 276, BY_NAME_AT)             /* renameat2 */                                             \
	X(83, 39, -1, BY_NAME)                   /* mkdir */                                                 \
	X(258, 296, 34, BY_NAME_AT)              /* mkdirat */                                               \
	X(133, 14, -1, BY_NAME)                  /* mknod */                                                 \
	X(259, 297, 33, BY_NAME_AT)              /* mknodat */                                               \
	X(86, 9, -1, BY_NAME)                    /* link: the old name */                                    \
	X(265, 303, 37, BY_NAME_AT)              /* linkat: the old name */                                  \
	X(88, 83, -1, BY_NEW_NAME)               /* symlink */                                               \
	X(266, 304, 36, BY_NEW_NAME_AT)          /* symlinkat */                                             \
	X(76, 92, 45, BY_NAME)                   /* truncate */                                              \
	X(-1, 193, -1, BY_NAME)                  /* truncate64 */                                            \
	X(90, 15, -1, BY_NAME)                   /* chmod */                                                 \
	X(268, 306, 53, BY_NAME_AT)              /* fchmodat */                                              \
	X(92, 212, -1, BY_NAME)                  /* chown */                                                 \
	X(94, 198, -1, BY_NAME)                  /* lchown */                                                \
	X(260, 298, 54, BY_NAME_AT)              /* fchownat */                                              \
	X(280, 320, 88, BY_NAME_AT)              /* utimensat */                                             \
	X(132, 30, -1, BY_NAME)                  /* utime */                                                 \
	X(235, 271, -1, BY_NAME)                 /* utimes */                                                \
	X(261, 299, -1, BY_NAME_AT)              /* futimesat */                                             \
	X(188, 226, 5, BY_NAME)                  /* setxattr */                                              \
	X(189, 227, 6, BY_NAME)                  /* lsetxattr */                                             \
	X(191, 229, 8, BY_NAME)                  /* getxattr */                                              \
	X(192, 230, 9, BY_NAME)                  /* lgetxattr */                                             \
	X(194, 232, 11, BY_NAME)                 /* listxattr */                                             \
	X(195, 233, 12, BY_NAME)                 /* llistxattr */                                            \
	X(197, 235, 14, BY_NAME)                 /* removexattr */                                           \
	X(198, 236, 15, BY_NAME)                 /* lremovexattr */                                          \
	X(-1, 268, -1, BY_NAME)                  /* statfs64 */                                              \
	X(138, 100, 44, ON_FIRST)                /* fstatfs */                                               \
	X(-1, 269, -1, ON_FIRST)                 /* fstatfs64 */                                             \
	X(-1, 412, -1, BY_NAME_AT)               /* utimensat_time64 */

#define ON_FIRST  1
#define ON_SECOND 2
#define ON_THIRD  3
#define ON_EITHER 4 /* the first, or else the third */
#define ON_RESULT 5
#define ON_WHICH  7 /* the bits of these */
/* Added: */
#define ON_BYTES       8
#define BY_NAME        16  /* the first argument is its name; of an open: where that fails */
#define BY_NAME_AT     32  /* the second, from the directory on that the first leads to */
#define BY_NEW_NAME    64  /* the second */
#define BY_NEW_NAME_AT 128 /* the third, from the second on */
#define BY_ANY_NAME    (BY_NAME | BY_NAME_AT | BY_NEW_NAME | BY_NEW_NAME_AT)

#define HL_MAX_NR 512 /* above the highest number of any table */

#endif
