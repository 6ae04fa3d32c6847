/* Layouts shared by Go, C and assembly. One named constant per offset: Go reads
 * this file in a test and compares it with its own constants (abi_test.go), C
 * proves it with _Static_assert (structs.h). Everything is little-endian and
 * naturally aligned. */
#ifndef BPFTIME_ABI_H
#define BPFTIME_ABI_H

/* struct pt_regs of x86-64 (include/uapi/asm/ptrace.h): what a program is given. */
#define PT_R15 0
#define PT_R14 8
#define PT_R13 16
#define PT_R12 24
#define PT_RBP 32
#define PT_RBX 40
#define PT_R11 48
#define PT_R10 56
#define PT_R9 64
#define PT_R8 72
#define PT_RAX 80
#define PT_RCX 88
#define PT_RDX 96
#define PT_RSI 104
#define PT_RDI 112
#define PT_ORIG_RAX 120
#define PT_RIP 128
#define PT_CS 136
#define PT_EFLAGS 144
#define PT_RSP 152
#define PT_SS 160
#define PT_SIZE 168

/* The frame of a thunk, from rsp upwards. A helper finds the run record and the
 * thread below the context it is given: ctx[-8] and ctx[-16].
 *
 *    rsp+0    struct bpftime_thread *
 *    rsp+8    struct bpftime_run *     (of the program that is running)
 *    rsp+16   struct pt_regs           <- r1 of the program
 *    rsp+184  flags of the host        (at an offset only)
 *    rsp+192  identity of the site: return address into the stub, or body
 *    rsp+200  return address of the host
 */
#define FRAME_THREAD 0
#define FRAME_RUN 8
#define FRAME_REGS 16
#define FRAME_FLAGS 184
#define FRAME_SIZE 192
#define FRAME_SITE FRAME_SIZE
#define FRAME_RA 200

/* The words of a call whose function has session programs, between the site's identity
 * and the return address: see thunks_session.S. */
#define FRAME_SESSION 200
#define SESSION_STATE 0     /* u64: bit N: program N does not run on return */
#define SESSION_RETURNS 63  /* bit of it: the body has returned */
#define SESSION_COOKIES 0   /* u64[]: the cookie of program N, from 1 */
#define SESSION_MAX 7       /* programs at one function */
#define SESSION_WORDS 64    /* bytes of all */

/* struct bpftime_thread: a thread's own, in its TLS. */
#define THREAD_COUNTERS 0 /* the lease's counters; 0: no lease yet */
#define THREAD_HOLDER 8   /* rsp of the frame that runs a program; 0: none does */
#define THREAD_STACK 16   /* the lease is used on the stack [this + origin, … + THREAD_WINDOW) */
#define THREAD_LEASE 24   /* u16 index of the lease */
#define THREAD_BLOCKED 26 /* u8: owned signals that the host believes blocked, see signals.h */
#define THREAD_PENDING 27 /* u8: those of them that came meanwhile */
#define THREAD_NAMED 28 /* u32: the tick of the clock that the name kept for its lease is of (bpf_task.c); 0: there is none */
#define THREAD_PID_TGID 32 /* what bpf_get_current_pid_tgid said last; upper half 0: it is to be asked. Programs read */
#define THREAD_BORN 40    /* u64: when the thread first asked for its storage (bpf_storage.c); 0: it did not, or it is the first of its process */
#define THREAD_SIZE 48
#define THREAD_WINDOW 1048576 /* bytes of stack that a lease is for */

/* struct task_struct, as much of it as there is here (vm/object says so to CO-RE). */
#define TASK_PID 0
#define TASK_TGID 4
#define TASK_REAL_PARENT 8
#define TASK_PARENT 16
#define TASK_GROUP_LEADER 24
#define TASK_COMM 32 /* 16 bytes */
#define TASK_SIZE 48

#define BLOCKED_FAULTS 6 /* of THREAD_BLOCKED: SIGBUS and SIGSEGV */
#define RESIDENT_GUARDED 0 /* u32 of struct bpftime_resident: reads may fault, see internal/native/fault.c */

/* struct bpftime_private: of this process image, wiped by fork (MADV_WIPEONFORK). */
#define PRIVATE_ORIGIN 0 /* u64: number of this process image << 48; 0: a child of fork that was not hit yet */
#define PRIVATE_PROC 8   /* u32: our process slot + 1; 0: not taken yet */
#define PRIVATE_BORN 16  /* u64: as THREAD_BORN, of the process's first thread */
#define PRIVATE_PID 12   /* u32: our process id; 0: a child of fork that did not ask yet */

/* struct bpftime_run: one program on one site; a list of them ends with RUN_FN = 0. */
#define RUN_FN 0       /* machine code: u64 fn(struct pt_regs *ctx) */
#define RUN_COUNTER 8  /* u32: byte offset of the link's hit counter in a lease's block: 8 * its slot; thunks read */
#define RUN_SESSION 12 /* it as u64, since this u32 is 0: N of a session program, in lists of functions that have some */
#define RUN_COOKIE 16  /* bpf_get_attach_cookie */
#define RUN_IP 24      /* bpf_get_func_ip */
#define RUN_SKIP 32    /* u64: code that returns for the function (bpf_override_return); 0: none */
#define RUN_SIZE 40

/* What a program at a system call is given: RUN_SESSION of its struct bpftime_run. Behind
 * the call it is one more. Each begins with, or leads to, the struct pt_regs of the call as
 * the kernel has it: orig_rax the number, rax -ENOSYS or the result, rcx = rip behind the
 * instruction, r11 the flags. That lies SYSCALL_REGS behind the context, whatever its kind. */
#define SYSCALL_RAW 16        /* raw_tracepoint: u64 args[2] = {pt_regs *, number}; behind: {pt_regs *, result} */
#define SYSCALL_TRACEPOINT 18 /* 64 bytes: {pt_regs *, s64 number, u64 args[6]}; behind: {pt_regs *, number, result}. The */
                              /* first word is hidden from programs (the kernel's common fields, which it hides too) */
#define SYSCALL_KSYSCALL 20   /* a struct pt_regs whose rdi points to that of the call (CONFIG_ARCH_HAS_SYSCALL_WRAPPER), */
                              /* behind it rax has the result; the rest of it is zero */
#define SYSCALL_EXIT 1        /* added: behind the call */
#define SYSCALL_RAW_SIZE 16   /* bytes of the contexts */
#define SYSCALL_TRACEPOINT_SIZE 64
#define SYSCALL_REGS 168

/* The frame of a thunk at a system call: as others up to the context, then struct pt_regs of
 * the call: see thunks_syscall.S. */
#define FRAME_CALL_REGS 184 /* FRAME_REGS + SYSCALL_REGS */
#define FRAME_CALL_SIZE 352 /* FRAME_CALL_REGS + PT_SIZE */

/* struct bpftime_call_site: what the stub of a syscall instruction has in rcx. */
#define CALL_SITE_IP 0     /* behind the instruction */
#define CALL_SITE_CALLS 8  /* struct bpftime_calls; where INDEX is not 0, the first of a table */
#define CALL_SITE_INDEX 16 /* u16[SYSCALL_NUMBERS + 1]: number -> which of the table; the last is for all higher numbers */
#define CALL_SITE_NUMBER 24 /* where it is known */
#define CALL_SITE_BACK 32  /* where the stub goes on */
#define CALL_SITE_SIZE 40
#define SYSCALL_NUMBERS 512

/* struct bpftime_calls: what is to be done at a call. The first one of a table is for nothing. */
#define CALLS_ENTER 0 /* list of struct bpftime_run; 0: none */
#define CALLS_EXIT 8
#define CALLS_GUARD 16 /* u64: 1: the call touches signals of ours, see signals.h */
#define CALLS_SIZE_SHIFT 5
#define CALLS_SIZE 32

/* A stub's return address (or a body) lies this far behind the 8-byte pointer
 * to its list of runs: `.quad runs; call *thunk(%rip)`, `.quad runs; body:`, and
 * `.quad runs; lea -128(%rsp), %rsp; call *thunk(%rip)`. */
#define STUB_RUNS (-14)
#define BODY_RUNS (-8)
#define OFFSET_RUNS (-19)

/* struct bpftime_shadow: a return address that tactic (d) keeps. Its place is one of
 * SHADOW_PROBES from ((X >> SHIFT) + (X >> BLOCK_SHIFT) * SPREAD & MASK) on, where X is
 * its address on the stack: neighbours on a stack are neighbours in the table. */
#define SHADOW_KEY 0    /* X, or X + n: the nth body that jumped to another; 0: free */
#define SHADOW_RA 8
#define SHADOW_SITE 16  /* the body; 1 more where its programs write to pt_regs */
#define SHADOW_DEPTH 24 /* entries X + 1 … X + depth are there */
#define SHADOW_SIZE 32
#define SHADOW_SIZE_SHIFT 5
#define SHADOW_SHIFT 4
#define SHADOW_BLOCK_SHIFT 16
#define SHADOW_SPREAD 40503
#define SHADOW_MASK 32767
#define SHADOW_PROBES 8
#define SHADOW_DEEPEST 7
#define SHADOW_TEXT_SHIFT 9 /* the return point lies in a block of so many bits */
#define SHADOW_TEXT_SIZE 512

/* Files with one of these in their names copy slices of stacks to where others have
 * been, so two frames that live may have the same X: no tactic (d) with them. */
#define SHADOW_FOES "greenlet,libguile,continuation.so" /* words */

/* Session file. */
#define SESSION_MAGIC 0x3153455346504200 /* "\0BPFSES1" */
#define SESSION_VERSION 1
#define SESSION_NPROCS 256
#define SESSION_NLINKS 256
#define SESSION_NLEASES 512
#define SESSION_NKEPT 448 /* leases that threads keep; the others are borrowed for one hit */
#define SESSION_NLOGS 256
#define SESSION_COUNTER_STRIDE 2048 /* SESSION_NLINKS * 8 */
#define SESSION_PROCS_OFF 4096
#define SESSION_PROC_SIZE 256
#define SESSION_LINKS_OFF 69632 /* PROCS_OFF + NPROCS * PROC_SIZE */
#define SESSION_LINK_SIZE 384
#define SESSION_LEASES_OFF 167936 /* LINKS_OFF + NLINKS * LINK_SIZE */
#define SESSION_LEASE_SIZE 16
#define SESSION_LOGS_OFF 176128 /* LEASES_OFF + NLEASES * LEASE_SIZE */
#define SESSION_LOG_SIZE 512
#define SESSION_COUNTERS_OFF 307200 /* LOGS_OFF + NLOGS * LOG_SIZE */
#define SESSION_NTRACES 512
#define SESSION_TRACES_OFF 1355776 /* COUNTERS_OFF + NLEASES * COUNTER_STRIDE */
#define SESSION_TRACE_SIZE 512
#define SESSION_SIZE 1617920 /* TRACES_OFF + NTRACES * TRACE_SIZE */

/* session header */
#define SESSION_HDR_MAGIC 0
#define SESSION_HDR_VERSION 8
#define SESSION_HDR_SIZE 16
#define SESSION_HDR_LOG_HEAD 64
#define SESSION_HDR_TRACE_HEAD 128

/* process slot */
#define PROC_STATE 0 /* u32: SLOT_FREE, SLOT_CLAIMED, SLOT_LIVE */
#define PROC_PID 4
#define PROC_START 8 /* clock ticks since boot (/proc/PID/stat field 22); 0: forked child, not read */
#define PROC_PIDNS 16
#define PROC_UID 24
#define PROC_FLAGS 28
#define PROC_COMM 32 /* 16 bytes */
#define PROC_EXE 48  /* 192 bytes, the end of the path when longer */
#define PROC_EXE_SIZE 192
#define PROC_UNCOVERED 240 /* u64: threads that begin without dispatch, where system calls are complete */
#define SLOT_FREE 0
#define SLOT_CLAIMED 1 /* being filled; the bits from SLOT_PID on say by whom, who may be killed meanwhile */
#define SLOT_LIVE 2
#define SLOT_STATE 3 /* mask */
#define SLOT_PID 2   /* shift */
#define PROC_FORKED 1 /* PROC_FLAGS: took its slot at its first hit */

/* link slot */
#define LINK_STATE 0
#define LINK_KIND 4
#define LINK_MISSES 8  /* u64, atomic */
#define LINK_SITES 16  /* u32: sites patched, over all processes, atomic */
#define LINK_TACTIC 20 /* u32: bit set of tactics in use */
#define LINK_REFUSED 24 /* u32: sites refused, atomic */
#define LINK_NAME 32   /* 224 bytes, NUL-terminated: object.program SPEC */
#define LINK_NAME_SIZE 224
#define LINK_WHY 256   /* 128 bytes: reason of the last refusal */
#define LINK_WHY_SIZE 128

/* lease slot: u64 owner. 0: free; kept: process slot + 1; borrowed:
 *   bit 63      1
 *   bits 32-62  when: seconds of CLOCK_MONOTONIC_COARSE; 0: not known
 *   bits 0-31   which: a number of the borrower */
#define LEASE_OWNER 0
#define LEASE_RANDOM 8 /* u64: state of bpf_get_prandom_u32, its holder's; 0: not seeded */

/* log record */
#define LOG_SEQ 0 /* u64: index + 1 when complete */
#define LOG_TIME 8 /* ns since the epoch */
#define LOG_PID 16
#define LOG_LEVEL 20
#define LOG_LEN 24
#define LOG_TEXT 32
#define LOG_TEXT_SIZE 480

/* trace record: a line of bpf_trace_printk. Writers take numbers from the header's
 * head and never wait: one that is stopped while the ring goes round writes into a
 * record that is another's by now. The sum shows it. */
#define TRACE_SEQ 0  /* u64: number + 1 when complete */
#define TRACE_SUM 8  /* u64: over SEQ and the words from TIME to the end of the text, see trace_sum */
#define TRACE_TIME 16 /* ns of CLOCK_MONOTONIC */
#define TRACE_TGID 24
#define TRACE_PID 28 /* of the thread, as trace_pipe shows it */
#define TRACE_CPU 32
#define TRACE_LEN 36
#define TRACE_COMM 40 /* 16 bytes */
#define TRACE_TEXT 56
#define TRACE_TEXT_SIZE 456
#define TRACE_SUM_FACTOR 0x5851f42d4c957f2d

/* Map files: a header of 4096 bytes that never changes, then what the type needs:
 * see maps/doc.go. */
#define MAP_MAGIC 0x3150414d46504200 /* "\0BPFMAP1" */
#define MAP_VERSION 1
#define MAP_HDR_MAGIC 0
#define MAP_HDR_VERSION 8
#define MAP_HDR_TYPE 12
#define MAP_HDR_KEY_SIZE 16
#define MAP_HDR_VALUE_SIZE 20
#define MAP_HDR_MAX_ENTRIES 24
#define MAP_HDR_FLAGS 28
#define MAP_HDR_NSLOTS 32       /* u32: blocks of values; per-CPU types have one for a lease */
#define MAP_HDR_VALUE_STRIDE 36 /* u32: from one value of a block to the next */
#define MAP_HDR_STRIDE 40 /* u64: bytes of one block, or of a ring's records */
#define MAP_HDR_SIZE 48   /* u64: bytes of the file */
#define MAP_HDR_DATA 56   /* u64: offset of the blocks, or of a ring's records */
#define MAP_HDR_BUCKETS 64 /* u64: offset of the heads of a hash */
#define MAP_HDR_NODES 72   /* u64: offset of its nodes */
#define MAP_HDR_FREE 80    /* u64: offset of the bits of free nodes; those of spare ones follow */
#define MAP_HDR_RECORDS 88 /* u64: offset of what each lease has in hand */
#define MAP_HDR_SEED 96    /* u64: of the hash function */
#define MAP_HDR_BUCKET_MASK 104 /* u32 */
#define MAP_HDR_NNODES 108      /* u32 */
#define MAP_HDR_NODE_STRIDE 112 /* u32 */
#define MAP_HDR_VALUE_AT 116    /* u32: where the value lies in a node */
#define MAP_HDR_CONTROL 120     /* u64: offset of the control page; 0: there is none */
#define MAP_HDR_FROZEN 128      /* u32: 1: nothing but programs writes to it any more. May change, once */
#define MAP_HDR_LOCK 132        /* u32: offset of the bpf_spin_lock in a value + 1; 0: there is none */
#define MAP_HDR_INNER_TYPE 136  /* u32: of maps of maps: what their entries are; 0: this is none */
#define MAP_HDR_INNER_KEY_SIZE 140
#define MAP_HDR_INNER_VALUE_SIZE 144
#define MAP_HDR_INNER_MAX_ENTRIES 148 /* u32; 0: any */
#define MAP_HDR_INNER_FLAGS 152
#define MAP_HDR_NCPUS 156 /* u32: of per-CPU types: CPUs that the machine may have, which bpf_map_lookup_percpu_elem is asked for */
#define MAP_HDR_LANES 160 /* u8[MAP_NLANES], of per-CPU types: see map_percpu.c; the last is that of all further words */
#define MAP_NLANES 256
#define MAP_HDR_START 416 /* u64: of an arena: address of its first byte for its users */
#define MAP_PAGE 4096     /* bytes: what an arena is given out by */
/* task_storage: a hash whose keys are threads: u32 tid, u32 pid, u64 inode of the PID namespace, u64 born, see bpf_storage.c. */
#define MAP_TASK_KEY 24
#define MAP_TASK_ROOM 10240 /* threads, where nothing else is said */
#define LOCK_USER 2147483648 /* 1 << 31: a bpf_spin_lock that user space holds; else it is lease + 1, or 0 */
#define LOCK_NS 22             /* shift: 9 bits of the inode of its PID namespace; its pid below */
#define LOCK_NS_MASK 511
#define MAP_SCRATCH 4096  /* bytes for a lease: copies of values, the oldest go first */
#define MAP_DATA_OFF 4096       /* MAP_HDR_DATA of arrays and per-CPU arrays */

/* control page: what changes, and belongs to no lease */
#define MAP_CTL_MISSES 0   /* u64: a value had no place: no block for the lease, or the ring was full */
#define MAP_CTL_BUSY 8     /* u64: -EBUSY, and records lost to other producers */
#define MAP_CTL_CLOCK 16   /* u64: LRU types: the node that may go next */
#define MAP_CTL_FREED 24   /* u64: LRU types: how often a free node was given */
#define MAP_CTL_LEASES 32  /* u64: hashes: leases from here on have had nothing in hand */
#define MAP_CTL_PUSHED 64  /* u64: queue: elements that were ever put in */
#define MAP_CTL_POPPED 128 /* u64: ... and that left; bloom_filter has neither */
#define MAP_CTL_TABLE 1024 /* u16[SESSION_NLEASES]: lease -> block + 1 */
#define MAP_CTL_OWNERS 2048 /* u16[SESSION_NLEASES]: block -> lease + 1 */
#define MAP_CTL_LENGTHS 3072 /* u64[MAP_NLENGTHS / 64]: lpm_trie: lengths of prefixes that there were */
#define MAP_NLENGTHS 2112
#define MAP_CTL_SIZE 4096

/* a link of a hash: node, mark, tag */
#define MAP_LINK_END 0xffffffff /* bits 0-31: node; any number that is none ends the chain */
#define MAP_LINK_DELETED 0x100000000 /* bit 32: the node that holds this link is deleted */
#define MAP_LINK_REPLACED 0x200000000 /* bit 33: ... is replaced by the node this link names */
#define MAP_LINK_TAG 34 /* shift: counts the changes of the link */

/* what a lease has in hand: 64 bytes; the last record is for writers without a lease. A
 * name of a node: its number + 1; MAP_HAND_*; from MAP_LINK_TAG on a tag */
#define MAP_NRECORDS 513
#define MAP_REC_SIZE 64
#define MAP_REC_SPARE 0  /* u64: name of a node for the next update */
#define MAP_REC_HAND 8   /* u64: name of what is taken or filled; MAP_HAND_SPARE: for REC_SPARE */
#define MAP_REC_VICTIM 16 /* u64: name of what is unlinked */
#define MAP_REC_CURSOR 24 /* u64: word of the free bits where to look first */
#define MAP_REC_FAILURES 32 /* u64: how often there was no node */
#define MAP_REC_SEEN 40 /* u64: MAP_CTL_FREED + 1 when no free node was left */
#define MAP_REC_BUCKET 48 /* u32: the chain that REC_HAND is for */
#define MAP_REC_TURN 52   /* u32: counts what is in REC_HAND */
#define MAP_REC_THEFT 56  /* u64: lease + 1 whose place is being taken, and the tag of its hand; 0: none */
#define MAP_HAND_SPARE 0x100000000  /* bit 32: the node goes to the spare ones */
#define MAP_HAND_LOCKED 0x200000000 /* bit 33: its place is not to be taken; with MAP_HAND_SPARE it was: then */
#define MAP_HAND_THIEF 10 /* so many bits of the tag are the thief's lease, and the tag's low ones follow */
#define MAP_POOL_NODES 32 /* of a word of a pool: its low bits; the high ones count what was given to it */
#define MAP_NLIMBO 64     /* behind the pools: u64: names of nodes that may be nobody's, as a hand has them */

/* a ring: see maps/ringbuf/doc.go */
#define MAP_RING_CONSUMER 8192 /* u64: bytes given back to producers */
#define MAP_RING_READ 8200     /* u64: bytes delivered */
#define MAP_RING_DRAINED 8200  /* user_ringbuf, instead: u64: 1 << 63 | who drains it, as RING_HEADER; 0: nobody */
#define MAP_RING_READER 8208   /* u32: pid of the consumer, to name it */
#define MAP_RING_SLEEPER 8212  /* u32: 1: it sleeps on this word (futex); who wakes it sets 0 */
#define MAP_RING_PRODUCER 12288 /* u64: POS, LEN and LEASE of the last record */
#define MAP_RING_OFF 16384
#define RING_POS_BITS 34   /* end of the last record / 8 */
#define RING_LEN_SHIFT 34
#define RING_LEN_BITS 20   /* its length with the header / 8 */
#define RING_LEASE_SHIFT 54
#define RING_BUSY 0x80000000    /* header, u32 at 0: reserved, not submitted */
#define RING_DISCARD 0x40000000
#define RING_WRITTEN 0x20000000 /* 0: an empty word, with the lap at 4 */
#define RING_HELPED 0x10000000  /* written by the next producer, who knows the lease only */
#define RING_LEN 0x0fffffff
#define RING_HEADER 8      /* u32 at 4: LEASE, LINK, RUN */
#define RING_HDR_LEASE 0   /* 9 bits */
#define RING_HDR_LINK 9    /* 8 bits: its index */
#define RING_HDR_RUN 17    /* 15 bits: its hits in the lease, low bits */
#define RING_OVERWRITE 0x80000 /* BPF_F_RB_OVERWRITE: a flight recorder, see map_recorder.c */
#define RECORDER_CHUNKS 16     /* of the ring, or more: none is larger than RECORDER_LARGEST */
#define RECORDER_LARGEST 262144
#define RECORDER_WRITING 63    /* bit of a chunk's state, the u64 at 0 */
#define RECORDER_TAKEN 48      /* 15 bits: how often it began anew */
#define RECORDER_FILLED 32     /* 16 bits: its records behind the state, / 8. Low 32 bits: as RING_HEADER */
#define RECORDER_HEAD 8
#define RECORDER_SEQ 0         /* u64 of a record: its number, from 1 */
#define RECORDER_LEN 8         /* u32: bytes of its data, behind RECORDER_RECORD */
#define RECORDER_RECORD 16
#define MAP_CTL_NEXT 16        /* u64: flight recorder: how many chunks were taken */
#define MAP_CTL_SEQ 24         /* u64: and records submitted */
#define PERF_HEADER 8      /* of a record of a perf_event_array: u32 at 0: CPU; then its data */

/* a stack_trace: buckets of node_stride bytes, a state and the addresses behind it. The
 * state's low 32 bits are the hash, or while it is written, who writes (as RING_HEADER) */
#define STACK_NR 32        /* 8 bits: how many addresses */
#define STACK_CHANGES 40   /* 22 bits: counts up with each change */
#define STACK_FULL 62      /* bit */
#define STACK_WRITING 63   /* bit */
#define STACK_MOST 127     /* addresses in a trace, the kernel's perf_event_max_stack */

/* An unwind table: a file in a session's directory unwind/, in the form of a map, one for
 * each module that stacks may lead through. max_entries rows, sorted by u32 at 0: address
 * from the load base; u32 at 4: how to find the caller's frame from there on. */
#define UNWIND_TYPE 0x7501
#define UNWIND_LOAD_BASE MAP_HDR_SEED
#define UNWIND_PATH 512    /* of the module, NUL */
#define UNWIND_PATH_MAX 3072
#define UNWIND_BUILD_ID 3584 /* of the module: 20 bytes, zeros behind a shorter one; all zero: it has none */
#define UNWIND_TEXTS 3616  /* UNWIND_NTEXTS times where its code lies: u32 from, u32 to, both from the load base; u64 what makes an offset in the file of it */
#define UNWIND_NTEXTS 8
#define UNWIND_ROW 8
#define UNWIND_KIND 31     /* mask: the CFA is register 0-15 (DWARF's number) + OFF, or UNWIND_* */
#define UNWIND_NONE 16     /* not known */
#define UNWIND_DEREF 17    /* the word at rbp + OFF */
#define UNWIND_SIGNAL 18   /* the kernel's frame of a signal */
#define UNWIND_END 19      /* there is no caller */
#define UNWIND_OFF 5       /* shift: 16 bits with sign, / 8 */
#define UNWIND_BP 21       /* shift: 0: rbp stays; N: the caller's is at CFA - 8 * N; */
#define UNWIND_BP_MAX 2046
#define UNWIND_BP_AT 2047  /* at the address in rbp */
#define UNWIND_MODULES 512 /* of a process at most */
#define BUILD_ID_SIZE 32   /* struct bpf_stack_build_id: s32 status, 20 bytes of the build-id, u64 offset or ip */
#define BUILD_ID_VALID 1   /* status: a build-id and an offset */
#define BUILD_ID_IP 2      /* status: nobody knows whose the address is */
#define BPF_F_STACK_BUILD_ID 32 /* flag of a stack_trace: its values are such */
#define UNWIND_SCRATCH 4096 /* bytes for a lease: addresses, then a piece of the stack */

/* Plan. */
#define PLAN_MAGIC 0x314e414c50504200 /* "\0BPPLAN1" */
#define PLAN_VERSION 1
#define PLAN_HDR_SIZE 64
#define PLAN_UNIT_SIZE 120
#define PLAN_PATCH_SIZE 64
#define PLAN_RELOC_SIZE 16
#define PLAN_LINK_SIZE 24
#define PLAN_MAP_SIZE 32
#define PLAN_WANT_SIZE 16
#define PLAN_SEMAPHORE_SIZE 8
#define PLAN_OUTPOST_SIZE 16
#define OUTPOST_SIZE 14   /* jmp *0(%rip); .quad stub */
#define UNIT_OUTPOSTS 32  /* in one unit at most */

/* relocations of a unit's code; P is the address of the field, A the addend. The kind
 * has 8 bits of a word, SYM the 24 above it. */
#define RELOC_MODULE_REL32 1  /* bias + A - (P + 4) */
#define RELOC_MODULE_ABS64 2  /* bias + A */
#define RELOC_ARENA_ABS64 3   /* arena + A */
#define RELOC_HELPER_ABS64 4  /* address of helper SYM */
#define RELOC_MAP_ABS64 5     /* base of map SYM + A */
#define RELOC_LINK_COUNTER32 6 /* byte offset of link SYM's counter in a lease; A = 1: of a site that was counted */

/* helpers that code of a plan may name */
#define HELPER_ENTRY 1
#define HELPER_RETURN 2         /* tactic (a) */
#define HELPER_RETURN_SITE 3    /* tactic (c) */
#define HELPER_DL_STATE 4
#define HELPER_LEAF 4          /* added to one of the first three: see thunks.S */
#define HELPER_ENTRY_LEAF 5
#define HELPER_RETURN_LEAF 6
#define HELPER_RETURN_SITE_LEAF 7
#define HELPER_RETURN_COPY 8    /* tactic (b): HELPER_RETURN_COPY + N/2 - 1 for N = 2, 4 … 16 words */
#define HELPER_OFFSET 16        /* an instruction inside a function */
#define HELPER_OFFSET_LEAF 20
#define HELPER_WRITE 24         /* added to ENTRY, RETURN, RETURN_SITE, RETURN_COPY, OFFSET: see thunks_write.S */
#define HELPER_ENTRY_WRITE 25
#define HELPER_RETURN_WRITE 26
#define HELPER_RETURN_SITE_WRITE 27
#define HELPER_RETURN_COPY_WRITE 32
#define HELPER_OFFSET_WRITE 40
#define HELPER_SESSION_ENTRY 41 /* the entry of a function with session programs: see thunks_session.S */
#define HELPER_SESSION_RETURN 42
#define HELPER_SYSCALL 43       /* a system call that programs see: see thunks_syscall.S */
#define HELPER_SYSCALL_ANY 44   /* the same where the number is not known */
#define HELPER_SYSCALL_ENTER 45 /* only what comes before the call */
#define HELPER_SYSCALL_EXIT 46  /* and behind it */
#define HELPER_SYSCALL_CHILD 47 /* and in a child that it made */
#define HELPER_SYSCALL_GUARD 48 /* a system call that touches signals of ours: see syscall.S */
#define HELPER_RETURN_D 49      /* tactic (d) */
#define HELPER_RETURN_D_WRITE 50
#define HELPER_SESSION_RETURN_COPY 52 /* + N/2 - 1 as RETURN_COPY */
#define HELPER_BPF 64           /* HELPER_BPF + N: the helper that programs call as number N */
#define HELPER_COUNT 320
#define KFUNC_SESSION_IS_RETURN 240 /* functions of the kernel that programs call by name: */
#define KFUNC_SESSION_COOKIE 241    /* here helpers of numbers that the kernel has not given */
#define KFUNC_ARENA_ALLOC_PAGES 242
#define KFUNC_ARENA_FREE_PAGES 243
#define KFUNC_ARENA_RESERVE_PAGES 244

/* kinds of link */
#define LINK_ENTRY 1
#define LINK_RETURN 2

/* tactics: how a site was patched */
#define TACTIC_JUMP 1        /* jump over relocated instructions */
#define TACTIC_PADDING 2     /* the same, into the padding behind a short function */
#define TACTIC_RETURN_A 4    /* return address stays, body called below it */
#define TACTIC_RETURN_B 8    /* the same, with stack words copied */
#define TACTIC_RETURN_C 16   /* every ret patched */
#define TACTIC_RETURN_D 32   /* return address kept in a table */
#define TACTIC_SHORT 64      /* jmp rel8 to padding between functions, where the jump stands */
#define TACTIC_EVICT 128     /* jmp rel8 to where instructions made room for the jump */
#define TACTIC_PUN 256       /* jmp rel32 that ends in the next instructions' bytes, to an outpost */
#define TACTIC_TRAP 32768    /* int3, see internal/native/trap.c */
#define PATCH_NO_REL 255     /* plan_patch.rel_at: the text is whole as it is, and has no distance to fill in */

/* unit flags */
#define UNIT_LATE 1 /* its module was not loaded when the plan was made */
#define UNIT_HOOK 2 /* ours: _dl_debug_state */

/* plan flags */
#define PLAN_ABORT 1 /* on_error: abort */
#define PLAN_TRAPS 2 /* SIGTRAP is ours: there are int3s, or may be in later plans */
#define PLAN_READS 4 /* SIGSEGV and SIGBUS are ours: a read of a bad address may fault */
#define PLAN_CALLS 8 /* programs see system calls: modules that come later and make some are compiled for */
#define PLAN_DISPATCH 16 /* SIGSYS is ours: calls of other sites come to plan_unit.dispatch */

/* Handoff: one shared mapping between a host and its compiler. Strings end with NUL. */
#define HANDOFF_MAGIC 0x31444e4148504200 /* "\0BPHAND1" */
#define HANDOFF_MODE 8      /* u32: MODE_START, MODE_LATE */
#define HANDOFF_VERDICT 12  /* u32: VERDICT_*, written last */
#define HANDOFF_ABORT 16    /* u32: ABORT_*: on_error of the manifest */
#define HANDOFF_LEVEL 20    /* u32: LEVEL_*: what to log */
#define HANDOFF_PLAN_SIZE 24 /* u32 */
#define HANDOFF_LOG_SIZE 28 /* u32: bytes of log in use: a level digit, text, '\n' each */
#define HANDOFF_ROOM 32     /* u32: bytes of the mapping: HANDOFF_LARGE, or HANDOFF_SIZE where there is no more */
#define HANDOFF_SESSION 64  /* 80 bytes: BPFTIME_SESSION in, name chosen out */
#define HANDOFF_RUNDIR 144  /* 880 bytes */
#define HANDOFF_EXE 1024    /* 3072 bytes: /proc/self/exe of the host */
#define HANDOFF_LOG 4096    /* 28 KiB */
#define HANDOFF_LOG_MAX 28672
#define HANDOFF_MODULES 32768 /* 32 KiB: MODE_LATE: paths of new modules, NUL after each, "" ends */
#define HANDOFF_MANIFEST 65536 /* 128 KiB: value of BPFTIME_MANIFEST */
#define HANDOFF_MANIFEST_MAX 131072
#define HANDOFF_PLAN 196608
#define HANDOFF_SIZE 16777216 /* 16 MiB, touched as far as used */
#define HANDOFF_PLAN_MAX 16580608
#define HANDOFF_LARGE 134217728 /* 128 MiB: a plan for a hundred thousand functions */
#define MODE_START 1
#define MODE_LATE 2
#define ABORT_UNKNOWN 0     /* the manifest could not be read */
#define ABORT_NO 1
#define ABORT_YES 2
#define VERDICT_NONE 0      /* it died before it said anything */
#define VERDICT_PLAN 1
#define VERDICT_NOT_FOR_US 2
#define VERDICT_ERROR 3
#define LEVEL_OFF 0
#define LEVEL_ERROR 1
#define LEVEL_WARN 2
#define LEVEL_INFO 3
#define LEVEL_DEBUG 4

#endif
