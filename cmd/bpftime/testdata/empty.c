/* A library with nothing in it. */
extern int nothing;
