/* bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf: formats as bpf_bprintf_prepare
 * and bstr_printf of the kernel (kernel/bpf/helpers.c, lib/vsprintf.c) know them. A
 * format is looked at as a whole before anything is printed. A conversion is
 *
 *   % [-+ 0]* [width] of
 *      d i u x X        with l or ll for 64 bits
 *      c  s             s: an address of the process, "" if it cannot be read
 *      p px pK          16 digits. The kernel hides the first: who reads here owns the process
 *      ps pS pB         an address as 0x…; names of kernel functions do not apply
 *      pks pus          as s, without width
 *      pi4 pI4 pi6 pI6  address of an IP address, without width
 *
 * Lines go to the session's trace ring (abi.h), each in one piece.
 */
#pragma GCC target("general-regs-only")
#pragma GCC optimize("no-tree-loop-distribute-patterns,no-jump-tables")
#include "bpf.h"

#define MAX_WIDTH ((1 << 23) - 1)
#define MAX_ARGS 12

/* Text that is cut at room, behind which there is a byte for a NUL; n goes on counting. */
struct out {
	char *text;
	u64 room, n, ctx;
};

static inline void put(struct out *o, char c)
{
	if (o->n < o->room)
		o->text[o->n] = c;
	o->n++;
}

static inline void pad(struct out *o, char c, s64 n)
{
	s64 fits = o->n < o->room ? (s64)(o->room - o->n) : 0;

	if (n <= 0)
		return;
	for (s64 i = 0; i < n && i < fits; i++)
		o->text[o->n + (u64)i] = c;
	o->n += (u64)n;
}

/* ---- conversions ---- */

/* kind is the letter, but: i is 'd'; of those that begin with p, p, px and pK are 'p',
 * ps, pS and pB 'S', pks and pus 'k', and the IP addresses 'i' or 'I' with ip 4 or 6. */
struct spec {
	s64 width;
	u8 left, zero, plus, space, wide, kind, ip;
};

static inline int is_digit(char c) { return c >= '0' && c <= '9'; }
static inline int is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline int is_alpha(char c) { return (u8)((c | 32) - 'a') < 26; }
static inline int is_alnum(char c) { return is_digit(c) || is_alpha(c); }
static inline int is_print(char c) { return c >= ' ' && c <= '~'; }
static inline int ends_word(char c) { return !c || is_space(c) || (is_print(c) && !is_alnum(c)); }

static inline const char *flags(const char *f, struct spec *s)
{
	for (;; f++) {
		if (*f == '-')
			s->left = 1;
		else if (*f == '+')
			s->plus = 1;
		else if (*f == ' ')
			s->space = 1;
		else if (*f == '0')
			s->zero = 1;
		else
			return f;
	}
}

static inline const char *width(const char *f, struct spec *s)
{
	for (; is_digit(*f); f++)
		if (s->width <= MAX_WIDTH)
			s->width = s->width * 10 + (*f - '0');
	if (s->width > MAX_WIDTH)
		s->width = MAX_WIDTH;
	return f;
}

/* What follows %p. Letters and digits behind a conversion of this kind belong to it. */
static HOT const char *pointer(const char *f, struct spec *s)
{
	if (ends_word(*f) || *f == 'x' || *f == 'K') {
		s->kind = 'p';
	} else if (*f == 's' || *f == 'S' || *f == 'B') {
		s->kind = 'S';
		s->width = *f == 'B' ? 0 : s->width;
	} else if ((*f == 'k' || *f == 'u') && f[1] == 's') {
		if (!ends_word(f[2]))
			return 0;
		s->kind = 'k';
	} else if ((*f == 'i' || *f == 'I') && (f[1] == '4' || f[1] == '6')) {
		s->kind = (u8)*f;
		s->ip = (u8)(f[1] - '0');
	} else {
		return 0;
	}
	while (is_alnum(*f))
		f++;
	return f;
}

static inline const char *number_kind(const char *f, struct spec *s)
{
	for (u32 i = 0; i < 2 && *f == 'l'; i++, f++)
		s->wide = 1;
	s->kind = (u8)(*f == 'i' ? 'd' : *f);
	return s->kind == 'd' || s->kind == 'u' || s->kind == 'x' || s->kind == 'X' ? f + 1 : 0;
}

/* Reads a conversion behind its '%'. Returns what follows it; 0: it is none. */
static HOT const char *conversion(const char *f, struct spec *s)
{
	*s = (struct spec){0};
	f = width(flags(f, s), s);
	if (*f == 'p')
		return pointer(f + 1, s);
	if (*f != 'c' && *f != 's')
		return number_kind(f, s);
	s->kind = (u8)*f++;
	return s->kind == 's' && !ends_word(*f) ? 0 : f;
}

/* Is it a format that ends within size and takes at most n arguments? Text outside of
 * conversions may be UTF-8, as in kernels from 2026 on. */
static HOT int is_format(const char *f, u64 size, u64 n)
{
	const char *end = f;
	struct spec s;

	for (; (u64)(end - f) < size && *end; end++)
		if ((u8)*end < 0x80 && !is_print(*end) && !is_space(*end))
			return 0;
	if ((u64)(end - f) == size)
		return 0;
	while (*f) {
		if (*f++ != '%')
			continue;
		if (*f == '%') {
			f++;
			continue;
		}
		f = conversion(f, &s);
		if (!f || !n--)
			return 0;
	}
	return 1;
}

/* ---- values ---- */

static inline u32 count_digits(u64 v, int hex)
{
	u32 n = 1;

	while (v = hex ? v >> 4 : v / 10, v)
		n++;
	return n;
}

static inline char digit(u32 v, char ten) { return (char)(v < 10 ? '0' + v : ten + (v - 10)); }

/* ten is what the digit 10 looks like; 0: decimal. */
static inline void digits(struct out *o, u64 v, u32 n, char ten)
{
	u64 at = o->n + n;

	o->n = at;
	for (; n; n--) {
		u64 rest = ten ? v >> 4 : v / 10;

		if (--at < o->room)
			o->text[at] = digit((u32)(v - rest * (ten ? 16 : 10)), ten);
		v = rest;
	}
}

static HOT void number(struct out *o, const struct spec *s, u64 v, char sign, char ten)
{
	u32 n = count_digits(v, ten);
	s64 rest = s->width - n - !!sign;

	if (!s->left && !s->zero)
		pad(o, ' ', rest);
	if (sign)
		put(o, sign);
	if (!s->left && s->zero)
		pad(o, '0', rest);
	digits(o, v, n, ten);
	if (s->left)
		pad(o, ' ', rest);
}

static inline void integer(struct out *o, const struct spec *s, u64 v)
{
	int negative = s->kind == 'd' && (s->wide ? (s64)v < 0 : (int)(u32)v < 0);

	if (negative)
		v = -v;
	if (!s->wide)
		v = (u32)v;
	number(o, s, v, negative ? '-' : s->kind != 'd' ? 0 : s->plus ? '+' : s->space ? ' ' : 0,
	       s->kind == 'x' ? 'a' : s->kind == 'X' ? 'A' : 0);
}

static inline void raw_pointer(struct out *o, struct spec *s, u64 v)
{
	if (!s->width) {
		s->width = 16;
		s->zero = 1;
	}
	number(o, s, v, 0, 'a');
}

static inline void symbol(struct out *o, struct spec *s, u64 v)
{
	s64 rest = s->width - 2 - count_digits(v, 1);

	s->width = 0;
	if (!s->left)
		pad(o, ' ', rest);
	put(o, '0');
	put(o, 'x');
	number(o, s, v, 0, 'a');
	if (s->left)
		pad(o, ' ', rest);
}

/* Moves the last n characters back by those that stand in front of them. */
static inline void move_right(struct out *o, u64 n, s64 by)
{
	u64 at = o->n;

	pad(o, ' ', by);
	for (u64 i = 0; by > 0 && i < n; i++) {
		if (at - 1 - i + (u64)by < o->room)
			o->text[at - 1 - i + (u64)by] = o->text[at - 1 - i];
		o->text[at - 1 - i] = ' ';
	}
}

/* A string of the process, read into its place. What does not fit is not counted. */
static HOT void string(struct out *o, const struct spec *s, u64 from)
{
	u64 n = 0;

	if (o->n < o->room)
		n = bpftime_probe_read_str((u64)o->text + o->n, o->room - o->n + 1, from, 0, 0, o->ctx);
	n = n && !failed(n) ? n - 1 : 0;
	o->n += n;
	if (s->left)
		pad(o, ' ', s->width - (s64)n);
	else
		move_right(o, n, s->width - (s64)n);
}

/* 1.2.3.4, i4 001.002.003.004; 0001:0203:…, i6 00010203… */
static HOT void ip_address(struct out *o, const struct spec *s, u64 from)
{
	u32 v4 = s->ip == 4, n = v4 ? 4 : 16;
	struct spec byte = {.zero = 1, .width = !v4 ? 2 : s->kind == 'i' ? 3 : 0};
	u8 b[16];

	bpftime_probe_read((u64)b, n, from, 0, 0, o->ctx); /* zeros, if it cannot */
	for (u32 i = 0; i < n; i++) {
		if (i && (v4 || (s->kind == 'I' && i % 2 == 0)))
			put(o, v4 ? '.' : ':');
		number(o, &byte, b[i], 0, v4 ? 0 : 'a');
	}
}

static HOT void value(struct out *o, struct spec *s, u64 v)
{
	if (s->kind == 'c') {
		pad(o, ' ', s->left ? 0 : s->width - 1);
		put(o, (char)v);
		pad(o, ' ', s->left ? s->width - 1 : 0);
	} else if (s->kind == 's') {
		string(o, s, v);
	} else if (s->kind == 'k') {
		s->width = 0;
		string(o, s, v);
	} else if (s->ip) {
		ip_address(o, s, v);
	} else if (s->kind == 'S') {
		symbol(o, s, v);
	} else if (s->kind == 'p') {
		raw_pointer(o, s, v);
	} else {
		integer(o, s, v);
	}
}

/* f is a format, args as many as it takes. */
static HOT void print(struct out *o, const char *f, const u64 *args)
{
	struct spec s;

	while (*f) {
		if (*f != '%' || *++f == '%') {
			put(o, *f++);
			continue;
		}
		f = conversion(f, &s);
		value(o, &s, *args++);
	}
}

/* ---- the trace ring ---- */

/* Over the number and the words from time to the end of the text, as session/trace.go. */
static inline u64 trace_sum(const struct session_trace *t, u64 seq)
{
	const u64 *word = &t->time, n = (TRACE_TEXT - TRACE_TIME + t->len + 7ul) / 8;
	u64 sum = seq;

	for (u64 i = 0; i < n; i++) {
		sum = (sum ^ word[i]) * TRACE_SUM_FACTOR;
		sum ^= sum >> 32;
	}
	return sum;
}

static inline void describe(struct session_trace *t, u64 ctx)
{
	u64 who = bpftime_get_current_pid_tgid();

	t->time = bpftime_ktime_get_ns();
	t->tgid = (u32)(who >> 32);
	t->pid = (u32)who;
	t->cpu = (u32)bpftime_get_smp_processor_id();
	bpftime_get_current_comm((u64)t->comm, sizeof t->comm, 0, 0, 0, ctx);
}

/* Lines in the making, one for each lease: its holder alone writes there. */
static struct session_trace lines[SESSION_NLEASES];

static inline void copy_line(struct session_trace *to, const struct session_trace *from)
{
	u64 *at = &to->sum;
	const u64 *word = &from->sum;

	__asm__ volatile("" ::: "memory"); /* behind what was stored before */
	for (u64 n = (TRACE_TEXT - TRACE_SUM + from->len + 7ul) / 8; n; n--)
		*at++ = *word++;
}

/* The sum is that of the line as it was made, not of what stands in the record: a
 * writer that the ring goes round on finds its record changed by others, and must not
 * vouch for that. Who is killed in between has no record: its number is never
 * complete. */
static HOT u64 trace(const char *format, const u64 *args, u64 ctx)
{
	struct session *s = bpftime_resident.session;
	struct session_trace *line = &lines[thread_of(ctx)->lease], *t;
	struct out o = {line->text, TRACE_TEXT_SIZE - 1, 0, ctx};
	u64 seq;

	print(&o, format, args);
	line->len = (u32)(o.n < o.room ? o.n : o.room);
	zero(line->text + line->len, -(u64)line->len % 8);
	describe(line, ctx);
	seq = __atomic_fetch_add(&s->hdr.trace_head, 1, __ATOMIC_RELAXED) + 1;
	line->sum = trace_sum(line, seq);
	t = &s->traces[(seq - 1) % SESSION_NTRACES];
	__atomic_store_n(&t->seq, 0, __ATOMIC_RELEASE);
	copy_line(t, line);
	__atomic_store_n(&t->seq, seq, __ATOMIC_RELEASE);
	return o.n;
}

/* long bpf_trace_printk(const char *fmt, u32 fmt_size, ...) */
HOT u64 bpftime_trace_printk(BPF_ARGS)
{
	u64 args[3] = {r3, r4, r5};

	return is_format((const char *)r1, (u32)r2, 3) ? trace((const char *)r1, args, ctx) : error(EINVAL_);
}

static inline int are_args(u64 data, u64 size)
{
	return size % 8 == 0 && size <= MAX_ARGS * 8 && (data || !size);
}

/* long bpf_trace_vprintk(const char *fmt, u32 fmt_size, const void *data, u32 data_len) */
HOT u64 bpftime_trace_vprintk(BPF_ARGS)
{
	u64 size = (u32)r4;

	if (!are_args(r3, size) || !is_format((const char *)r1, (u32)r2, size / 8))
		return error(EINVAL_);
	return trace((const char *)r1, (const u64 *)r3, ctx);
}

/* long bpf_snprintf(char *str, u32 str_size, const char *fmt, u64 *data, u32 data_len): the length with the NUL, also of
 * what was cut */
HOT u64 bpftime_snprintf(BPF_ARGS)
{
	u64 size = (u32)r5, room = (u32)r2;
	struct out o = {(char *)r1, room ? room - 1 : 0, 0, ctx};

	if (!are_args(r4, size) || !is_format((const char *)r3, (u32)-1, size / 8))
		return error(EINVAL_);
	print(&o, (const char *)r3, (const u64 *)r4);
	if (room)
		o.text[o.n < o.room ? o.n : o.room] = 0;
	return o.n + 1;
}
