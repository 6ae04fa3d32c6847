/* The table of helpers, as code: no relocation for the loader, nothing to write. */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#include "bpf.h"

#define THUNK(name) extern const char name[] HIDDEN
THUNK(bpftime_entry);
THUNK(bpftime_return);
THUNK(bpftime_return_site);
THUNK(bpftime_entry_leaf);
THUNK(bpftime_return_leaf);
THUNK(bpftime_return_site_leaf);
THUNK(bpftime_offset);
THUNK(bpftime_offset_leaf);
THUNK(bpftime_entry_write);
THUNK(bpftime_return_write);
THUNK(bpftime_return_site_write);
THUNK(bpftime_offset_write);
THUNK(bpftime_session_entry_thunk);
THUNK(bpftime_session_return_thunk);
THUNK(bpftime_dl_state_thunk);
THUNK(bpftime_syscall_guard);
THUNK(bpftime_syscall_known);
THUNK(bpftime_syscall_any);
THUNK(bpftime_syscall_enter);
THUNK(bpftime_syscall_exit);
THUNK(bpftime_syscall_child);
THUNK(bpftime_return_copy2);
THUNK(bpftime_return_copy4);
THUNK(bpftime_return_copy6);
THUNK(bpftime_return_copy8);
THUNK(bpftime_return_copy10);
THUNK(bpftime_return_copy12);
THUNK(bpftime_return_copy14);
THUNK(bpftime_return_copy16);
THUNK(bpftime_return_copy_write2);
THUNK(bpftime_return_copy_write4);
THUNK(bpftime_return_copy_write6);
THUNK(bpftime_return_copy_write8);
THUNK(bpftime_return_copy_write10);
THUNK(bpftime_return_copy_write12);
THUNK(bpftime_return_copy_write14);
THUNK(bpftime_return_copy_write16);
THUNK(bpftime_return_d);
THUNK(bpftime_return_d_write);
THUNK(bpftime_session_return_copy2);
THUNK(bpftime_session_return_copy4);
THUNK(bpftime_session_return_copy6);
THUNK(bpftime_session_return_copy8);
THUNK(bpftime_session_return_copy10);
THUNK(bpftime_session_return_copy12);
THUNK(bpftime_session_return_copy14);
THUNK(bpftime_session_return_copy16);

#define COPY(n) \
	case HELPER_RETURN_COPY + n / 2 - 1: \
		return (u64)bpftime_return_copy##n; \
	case HELPER_RETURN_COPY_WRITE + n / 2 - 1: \
		return (u64)bpftime_return_copy_write##n; \
	case HELPER_SESSION_RETURN_COPY + n / 2 - 1: \
		return (u64)bpftime_session_return_copy##n

u64 bpftime_helper(u32 id)
{
	switch (id) {
	case HELPER_ENTRY:
		return (u64)bpftime_entry;
	case HELPER_RETURN:
		return (u64)bpftime_return;
	case HELPER_RETURN_SITE:
		return (u64)bpftime_return_site;
	case HELPER_ENTRY_LEAF:
		return (u64)bpftime_entry_leaf;
	case HELPER_RETURN_LEAF:
		return (u64)bpftime_return_leaf;
	case HELPER_RETURN_SITE_LEAF:
		return (u64)bpftime_return_site_leaf;
	case HELPER_OFFSET:
		return (u64)bpftime_offset;
	case HELPER_OFFSET_LEAF:
		return (u64)bpftime_offset_leaf;
	case HELPER_ENTRY_WRITE:
		return (u64)bpftime_entry_write;
	case HELPER_RETURN_WRITE:
		return (u64)bpftime_return_write;
	case HELPER_RETURN_SITE_WRITE:
		return (u64)bpftime_return_site_write;
	case HELPER_OFFSET_WRITE:
		return (u64)bpftime_offset_write;
	case HELPER_SESSION_ENTRY:
		return (u64)bpftime_session_entry_thunk;
	case HELPER_SESSION_RETURN:
		return (u64)bpftime_session_return_thunk;
	case HELPER_DL_STATE:
		return (u64)bpftime_dl_state_thunk;
	case HELPER_SYSCALL_GUARD:
		return (u64)bpftime_syscall_guard;
	case HELPER_SYSCALL:
		return (u64)bpftime_syscall_known;
	case HELPER_SYSCALL_ANY:
		return (u64)bpftime_syscall_any;
	case HELPER_SYSCALL_ENTER:
		return (u64)bpftime_syscall_enter;
	case HELPER_SYSCALL_EXIT:
		return (u64)bpftime_syscall_exit;
	case HELPER_SYSCALL_CHILD:
		return (u64)bpftime_syscall_child;
	COPY(2);
	COPY(4);
	COPY(6);
	COPY(8);
	COPY(10);
	COPY(12);
	COPY(14);
	COPY(16);
	case HELPER_RETURN_D:
		return (u64)bpftime_return_d;
	case HELPER_RETURN_D_WRITE:
		return (u64)bpftime_return_d_write;
	}
	return id >= HELPER_BPF ? bpftime_bpf_helper(id - HELPER_BPF) : 0;
}
