/* The agent in the host: C that is there from the constructor to the end, about
 * the size of a page of functions. Who calls whom:
 *
 *   gate.c      constructor: take Go's start away, decide whether this process is ours
 *   match.c       the part of the manifest the gate reads by itself
 *   compiler.c    run Go: in a clone()d child, or in a fresh process; never here
 *   deferred.c    Go's relocations, applied where Go runs
 *   session.c     the session's directory and file, process slot, log
 *   place.c     which plans there are, and where their units are
 *   apply.c     the applier: plan → mappings and patches, or nothing
 *   check.c       nothing of a plan is used before it was checked
 *   maps.c        /proc/self/maps, modules, gaps near them
 *   text.c        writes text, law 7
 *   semaphore.c   tells markers that somebody listens
 *   outpost.c     pages where a jump leads that cannot choose
 *   mapfile.c     maps of eBPF programs
 *   stacks.c      where modules lie, for walks up the stack
 *   vdso.c        functions of the kernel without a system call
 *   late.c        modules that come and go
 *   calls.c       do they make system calls?
 *
 * Only gate.c and compiler.c may call libc, and only before main.
 */
#ifndef BPFTIME_AGENT_H
#define BPFTIME_AGENT_H

#include "sys.h"

/* What the environment says. */
struct settings {
	const char *manifest, *session, *rundir, *xdg_runtime_dir, *log;
};

/* match.c */
enum match { MATCH_NO, MATCH_YES, MATCH_UNSURE };
struct glance { /* what a glance at the manifest's text shows */
	enum match match;
	int abort;
	char session[80]; /* "" when it is not plainly there */
};
HIDDEN void glance_at(const char *text, u64 n, const char *exe, struct glance *g);
HIDDEN int exe_match(const char *pattern, u64 n, const char *exe);

/* session.c */
HIDDEN void session_rundir(const struct settings *set, char *to, u64 max);
HIDDEN int slot_claim(u32 *state);
HIDDEN int slot_claim_abandoned(u32 *state);
HIDDEN int session_name(const char *name);
HIDDEN long session_open(const char *rundir, const char *name, const char *exe);
HIDDEN int file_size_allowed(u64 size);
HIDDEN long open_owned(const char *path, u64 size);
HIDDEN void log_line(u32 level, const char *line);
HIDDEN u32 log_level(const char *name);
extern u32 session_log_level HIDDEN;

/* mapfile.c */
HIDDEN long map_file(const char *path, u64 size, struct text *why);
HIDDEN void map_file_drop(u64 at, u64 size);

/* maps.c */
struct vma {
	u64 lo, hi, off, inode;
	u32 major, minor;
	char perms[5];
	char path[512]; /* cut when longer */
};
struct maps {
	long fd;
	u64 at, n;
	char buf[2048];
};
extern long maps_error HIDDEN; /* -errno of the last walk; 0: it saw everything */
HIDDEN int maps_open(struct maps *m);
HIDDEN int maps_next(struct maps *m, struct vma *v);
HIDDEN void maps_close(struct maps *m);

struct module {
	u64 lo, head, hi; /* from offset 0: the first mapping ends at head, the last at hi */
	u64 bias;         /* address - p_vaddr; apply.c knows it */
	u64 inode;
	u32 major, minor;
	int code; /* some of it may be executed */
	int id_known; /* it has been looked for: */
	u32 id_len;   /* 0: it has none */
	const u8 *id; /* build-id, in the module */
};
struct file_id { /* of a module's file; inode 0: none */
	u64 inode;
	u32 major, minor;
};
static inline struct file_id id_of_file(const struct module *m) { return (struct file_id){m->inode, m->major, m->minor}; }
static inline int is_file_of(const struct file_id *id, const struct module *m)
{
	return id->inode == m->inode && id->major == m->major && id->minor == m->minor;
}
HIDDEN void modules_each(void (*visit)(struct module *m, const char *path, void *arg), void *arg);
HIDDEN int module_is(struct module *m, const char *path, const struct plan *plan, const struct plan_unit *u);
HIDDEN int mapping_at(u64 addr, struct vma *v);
HIDDEN int mapping_named(const char *path, struct vma *v);
HIDDEN int text_page(u64 addr, const struct module *m, struct vma *v);
HIDDEN int data_page(u64 addr, const struct module *m, struct vma *v);
#define MAX_TEXTS 64
struct texts { /* where a module's text is plain, in the order of addresses */
	u32 n;
	struct {
		u64 lo, hi;
	} at[MAX_TEXTS];
};
HIDDEN void texts_of(const struct module *m, struct texts *t);
HIDDEN int texts_hold(const struct texts *t, u64 lo, u64 hi);
HIDDEN u64 gap_find(u64 lo, u64 hi, u64 size);

/* text.c */
HIDDEN long text_open(void);
HIDDEN void text_close(long mem);
HIDDEN long text_write(long mem, u64 addr, const u8 *bytes, u64 n);
HIDDEN int text_restore(long mem, u64 addr, const u8 *bytes, u64 n);
HIDDEN void text_map_back(u64 page);

/* outpost.c */
HIDDEN int outposts_map(const struct module *m, const struct plan *plan, const struct plan_unit *u);
HIDDEN int outposts_fill(const struct module *m, const struct plan *plan, const struct plan_unit *u, u64 arena);
HIDDEN void outposts_unmap(const struct module *m, const struct plan *plan, const struct plan_unit *u);

/* semaphore.c */
HIDDEN const char *semaphores_refused(const struct module *m, const struct plan *plan, const struct plan_unit *u, u64 *vaddr);
HIDDEN void semaphores_add(const struct module *m, const struct plan *plan, const struct plan_unit *u, int n);

/* check.c */
HIDDEN const char *plan_check(const u8 *bytes, u64 size);

/* apply.c, place.c */
enum changed { CHANGED_PLACED, CHANGED_REFUSED, CHANGED_AGAIN }; /* AGAIN: a plan was stale, look once more */
HIDDEN int plan_apply(const struct plan *plan, int at_start);
HIDDEN void plan_came(const struct plan *plan);
HIDDEN const char *plan_refusal(void);
HIDDEN int plan_wants(const char *path);
HIDDEN int plan_sees_calls(void);
HIDDEN enum changed plan_modules_changed(void (*meet)(const struct module *m, const char *path, int ours));
HIDDEN int module_placed(const struct module *m);
HIDDEN int grow(void **table, const void *first, u32 n, u32 *room, u64 each);
#define ROOM(table) grow((void **)&table, first_##table, n##table, &room_##table, sizeof *table)
HIDDEN const struct plan *plan_take(const struct handoff *h, struct text *why);

/* stacks.c */
HIDDEN void stacks_take(const struct plan *plan, const u64 *maps);
HIDDEN int stacks_use(u64 map);
HIDDEN int stacks_lack(const struct module *m);
HIDDEN void stacks_look(void);
HIDDEN void stacks_meet(const struct module *m, const char *path);
HIDDEN void stacks_drop_gone(void);

/* calls.c */
HIDDEN int makes_calls(const struct module *m);

/* vdso.c */
HIDDEN u64 vdso_function(const char *name);
HIDDEN const u64 *vdso_coarse(u64 page);

/* late.c */
HIDDEN void late_arm(const struct handoff *h, const char *text);

/* compiler.c */
struct outcome {
	const char *what; /* 0: the compiler had its say (handoff->verdict) */
	u32 status;       /* wait status or error number */
};
HIDDEN struct handoff *handoff_map(long fd);
HIDDEN u32 handoff_plan_room(void);
HIDDEN void handoff_unmap(struct handoff *h);
HIDDEN void compile_in_child(struct handoff *h, struct outcome *o);
HIDDEN void compile_in_process(long fd, const char *interp, const char *self, struct outcome *o);
HIDDEN void outcome_text(const struct outcome *o, struct text *t);
HIDDEN int handoff_line(const struct handoff *h, u32 *at, u32 *level, struct text *t);
HIDDEN void log_handoff(const struct handoff *h);
HIDDEN void compiler_deadline(void);
HIDDEN void start_go(void);

/* deferred.c */
typedef void (*go_start)(long argc, char **argv, char **envp);
HIDDEN go_start deferred_start(void);
HIDDEN void apply_deferred(void);

/* gate.c */
HIDDEN int take_go_start(void);
extern go_start bpftime_go_start HIDDEN; /* Go's own start, taken out of .init_array */

#endif
