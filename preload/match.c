/* The gate's own reading of a manifest: is this process meant at all? It is asked
 * in every process that inherits LD_PRELOAD, before Go could be started, so it
 * reads three plain scalars (process.exe, session, on_error) and says *unsure*
 * about everything else; unsure starts Go, which parses YAML.
 */
#include "agent.h"

/* Of bytes, as config's: [a-\xc3] has a and \xc3 in it. */
static int class_match(const char *p, const char *end, u8 c, const char **after)
{
	int not = p < end && (*p == '!' || *p == '^'), hit = 0;
	const char *start = p += not;

	for (; p < end && (*p != ']' || p == start); p++) {
		if (p + 2 < end && p[1] == '-' && p[2] != ']') {
			hit |= (u8)p[0] <= c && c <= (u8)p[2];
			p += 2;
		} else {
			hit |= (u8)*p == c;
		}
	}
	*after = p + 1;
	return p < end && hit != not;
}

/* `*` crosses '/'; a `[` that is never closed matches nothing. */
static int glob(const char *p, const char *end, const char *s)
{
	const char *star = 0, *resume = 0, *after;

	for (;;) {
		if (p < end && *p == '*') {
			star = ++p;
			resume = s;
			continue;
		}
		if (!*s && p == end)
			return 1;
		if (*s && p < end) {
			if (*p == '[' ? class_match(p + 1, end, (u8)*s, &after) : *p == '?' || *p == *s) {
				p = *p == '[' ? after : p + 1;
				s++;
				continue;
			}
		}
		if (!star || !*resume)
			return 0;
		p = star;
		s = ++resume;
	}
}

int exe_match(const char *pattern, u64 n, const char *exe)
{
	for (u64 i = 0; i < n; i++)
		if (pattern[i] == '/')
			return glob(pattern, pattern + n, exe);
	return glob(pattern, pattern + n, str_base(exe));
}

struct line {
	const char *s, *end; /* without indent, comment and trailing space */
	u64 indent;
};

/* Takes the next line that says something. 0: no more. -1: something a glance
 * must not judge (tab, quote or bracket left open, anchor, block scalar). */
static int next_line(const char **at, const char *end, struct line *l)
{
	while (*at < end) {
		const char *p = *at, *stop = p;
		int quote = 0, depth = 0;

		for (; stop < end && *stop != '\n'; stop++) {
			if (*stop == '\t' || *stop == '\\' || *stop == '\r')
				return -1;
			if (quote)
				quote = *stop == quote ? 0 : quote;
			else if (*stop == '"' || *stop == '\'')
				quote = *stop;
			else if (*stop == '#' && (stop == p || stop[-1] == ' '))
				break;
			else
				depth += (*stop == '{' || *stop == '[') - (*stop == '}' || *stop == ']');
		}
		if (quote || depth)
			return -1;
		l->s = p;
		l->end = stop;
		while (*at < end && **at != '\n')
			++*at;
		*at += *at < end;
		while (l->s < l->end && *l->s == ' ')
			l->s++;
		while (l->end > l->s && l->end[-1] == ' ')
			l->end--;
		l->indent = (u64)(l->s - p);
		if (l->s < l->end)
			return 1;
	}
	return 0;
}

/* `key: value` → 1 and the value's place, possibly empty. */
static int value_of(const struct line *l, const char *key, struct line *value)
{
	u64 n = str_len(key);

	if ((u64)(l->end - l->s) <= n || !mem_eq(l->s, key, n) || l->s[n] != ':')
		return 0;
	value->s = l->s + n + 1;
	value->end = l->end;
	if (value->s < value->end && *value->s != ' ')
		return 0;
	while (value->s < value->end && *value->s == ' ')
		value->s++;
	return 1;
}

/* Strips matching quotes; refuses what YAML would read in another way. */
static int scalar(struct line *v)
{
	if (v->s == v->end)
		return 0;
	if (*v->s == '"' || *v->s == '\'') {
		if (v->end - v->s < 2 || v->end[-1] != *v->s)
			return 0;
		v->s++;
		v->end--;
		for (const char *p = v->s; p < v->end; p++)
			if (*p == '"' || *p == '\'')
				return 0;
		return v->s < v->end;
	}
	for (const char *p = v->s; p < v->end; p++)
		if (*p == ':' || *p == '"' || *p == '\'' || *p == ',' || *p == '{' || *p == '}' || *p == '#')
			return 0;
	return *v->s != '*' && *v->s != '&' && *v->s != '!' && *v->s != '|' && *v->s != '>' && *v->s != '%' && *v->s != '@' && *v->s != '`' && *v->s != '[' && *v->s != '?' && *v->s != '-' && *v->s != '~';
}

/* `{exe: PATTERN}` → PATTERN */
static int flow_exe(struct line *v, struct line *exe)
{
	struct line inner = *v;

	if (v->end - v->s < 3 || *v->s != '{' || v->end[-1] != '}')
		return 0;
	inner.s++;
	inner.end--;
	while (inner.s < inner.end && *inner.s == ' ')
		inner.s++;
	while (inner.end > inner.s && inner.end[-1] == ' ')
		inner.end--;
	return value_of(&inner, "exe", exe) && scalar(exe);
}

static void copy_session(struct glance *g, const struct line *v)
{
	u64 n = (u64)(v->end - v->s);

	if (n >= sizeof g->session)
		return;
	mem_copy(g->session, v->s, n);
	g->session[n] = 0;
	if (!session_name(g->session))
		*g->session = 0;
}

struct so_far {
	int processes; /* keys of that name */
	int list;      /* the last key has its value on the lines that follow: perhaps a list */
};

/* Looks at one line at column 0. Returns 0 when it is beyond a glance. */
static int top_level(const char **at, const char *end, struct line *l, const char *exe, struct glance *g, struct so_far *so)
{
	struct line v, pattern, next;

	if (*l->s == '-' && so->list && (l->end == l->s + 1 || l->s[1] == ' '))
		return 1;
	so->list = l->end[-1] == ':';
	if (value_of(l, "session", &v)) {
		if (!scalar(&v))
			return 0;
		copy_session(g, &v);
		return 1;
	}
	if (value_of(l, "on_error", &v)) {
		if (!scalar(&v))
			return 0;
		g->abort = v.end - v.s == 5 && mem_eq(v.s, "abort", 5);
		return 1;
	}
	if (!value_of(l, "process", &v))
		return *l->s != '-' && *l->s != '?' && *l->s != '{' && *l->s != '[' && *l->s != '"' && *l->s != '\'' && *l->s != '%' && *l->s != '.';
	if (so->processes++)
		return 0;
	if (v.s < v.end) {
		if (!flow_exe(&v, &pattern))
			return 0;
	} else {
		const char *peek = *at;

		if (next_line(at, end, &next) != 1 || !next.indent || !value_of(&next, "exe", &pattern) || !scalar(&pattern))
			return 0;
		peek = *at;
		if (next_line(&peek, end, &next) == 1 && next.indent)
			return 0; /* process has more than exe */
	}
	g->match = exe_match(pattern.s, (u64)(pattern.end - pattern.s), exe) ? MATCH_YES : MATCH_NO;
	return 1;
}

void glance_at(const char *text, u64 n, const char *exe, struct glance *g)
{
	const char *at = text, *end = text + n;
	struct line l;
	struct so_far so = {0, 0};
	int got;

	mem_zero(g, sizeof *g);
	g->match = MATCH_YES;
	while ((got = next_line(&at, end, &l)) == 1)
		if (!l.indent && !top_level(&at, end, &l, exe, g, &so))
			break;
	if (got || !*exe)
		g->match = MATCH_UNSURE;
}
