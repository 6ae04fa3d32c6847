/* Error numbers under names of our own: <errno.h> is the libc's. */
#ifndef BPFTIME_ERRORS_H
#define BPFTIME_ERRORS_H

enum {
	EPERM_ = 1, ENOENT_ = 2, ESRCH_ = 3, EINTR_ = 4, E2BIG_ = 7, ECHILD_ = 10, EAGAIN_ = 11, ENOMEM_ = 12, EACCES_ = 13,
	EFAULT_ = 14, EBUSY_ = 16, EEXIST_ = 17, EINVAL_ = 22, ENFILE_ = 23, EMFILE_ = 24, EFBIG_ = 27, ENOSPC_ = 28, EROFS_ = 30,
	ERANGE_ = 34,
	ENAMETOOLONG_ = 36, ENOSYS_ = 38, EOPNOTSUPP_ = 95, ENOTSUPP_ = 524
};

#endif
