import sys
import greenlet
def f(n):
    # recursion so that stack slices overlap
    if n: return f(n-1)+1
    return parent.switch(0) or 0
parent=greenlet.getcurrent()
total=0
def body(k):
    s=0
    for i in range(20):
        s+=f(k%7+i%5)
    return s
gs=[greenlet.greenlet(body) for k in range(50)]
live=list(enumerate(gs))
first=True
rounds=0
def deep(n,k,g):
    if n: return deep(n-1,k,g)
    return g.switch(k) if first else g.switch(1)
while live:
    nxt=[]
    for k,g in live:
        first = not g
        r=deep((k+rounds)%9,k,g)
        if g.dead: total+=r
        else: nxt.append((k,g))
    live=nxt; rounds+=1
print(total,rounds)
def gen(k):
    try:
        parent.switch(k); raise ValueError(k)
    except ValueError as e:
        parent.switch(e.args[0]*2); raise
bad=0
for k in range(100):
    g=greenlet.greenlet(gen); a=g.switch(k); b=g.switch()
    try: g.switch()
    except ValueError as e: bad+=e.args[0]
    assert (a,b)==(k,2*k)
print(bad)
