// Package limits is what Traefik's own middlewares cannot do: it bounds what is asked in a second, and what
// is under way at once, by statuses that are nobody else's, so that refusals are worded as ours and a
// part's own 429 is left alone.
package limits

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Statuses that no part says; the middleware `formed` words them.
const (
	overloaded = 597 // 503
	tooMany    = 598 // 429
	unreadable = 599 // 400
)

// A letter where routes are matched, and a separator where a part reads the path.
var ambiguous = []string{"%2f", "%5c"}

// Config: Outlast is alone, and stands before `formed`: who was cut off for sending too slowly is
// answered in our words too, for which Traefik asks with the request that has just ended. Else how many requests of one address in a second,
// twice as many at once, and of tries to sign in how many in a second and at once; how many requests of one address under way, how many of them with a body, and how many with a body
// of all addresses; how many bytes a body may announce, and one for Whole, the path where a file comes in one piece. Endless are the paths of answers that go on, which are not counted.
type Config struct {
	Outlast     bool     `json:"outlast"`
	Rate        float64  `json:"rate"`
	SignInRate  float64  `json:"signInRate"`
	SignInBurst float64  `json:"signInBurst"`
	SignIn      []string `json:"signIn"`
	Requests    int      `json:"requests"`
	Bodies      int      `json:"bodies"`
	AllBodies   int      `json:"allBodies"`
	Largest     int64    `json:"largest"`
	Whole       string   `json:"whole"`
	LargestFile int64    `json:"largestFile"`
	BehindProxy bool     `json:"behindProxy"`
	Endless     []string `json:"endless"`
}

func CreateConfig() *Config { return &Config{} }

type underWay struct{ requests, bodies int }

// Of the whole process: routes are built anew whenever a replica comes or goes.
var (
	mutex     sync.Mutex
	allBodies int
	addresses = map[string]underWay{}
	requests  = buckets{}
	signIns   = buckets{}
)

type limits struct {
	next    http.Handler
	config  *Config
	endless map[string]bool
	signIn  map[string]bool
}

func New(_ context.Context, next http.Handler, config *Config, _ string) (http.Handler, error) {
	return &limits{next, config, all(config.Endless), all(config.SignIn)}, nil
}

func all(paths []string) map[string]bool {
	known := map[string]bool{}
	for _, path := range paths {
		known[path] = true
	}
	return known
}

type key struct{}

func (l *limits) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	if request.ContentLength != 0 { // else nobody is waited for
		own := request.Context()
		if l.config.Outlast {
			request = request.WithContext(context.WithValue(context.WithoutCancel(own), key{}, own))
		} else if ends, found := own.Value(key{}).(context.Context); found {
			request = request.WithContext(ends)
		}
	}
	if l.config.Outlast {
		l.next.ServeHTTP(answer, request)
		return
	}
	if isAmbiguous(request.URL.EscapedPath()) {
		answer.WriteHeader(unreadable)
		return
	}
	largest := l.config.Largest
	if request.URL.Path == l.config.Whole {
		largest = l.config.LargestFile
	}
	if request.ContentLength > largest {
		answer.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	reads := request.Method == http.MethodGet || request.Method == http.MethodHead
	bodies := 0
	if request.ContentLength != 0 {
		if reads { // means nothing, so nobody waits for it
			answer.Header().Set("Connection", "close")
			request.Body, request.ContentLength = http.NoBody, 0
			request.TransferEncoding = nil
			request.Header.Del("Content-Length")
		} else {
			bodies = 1
		}
	}
	if reads && l.endless[request.URL.Path] {
		l.next.ServeHTTP(answer, request)
		return
	}
	address := l.addressOf(request)
	if refusal := l.enter(address, bodies, !reads && l.signIn[request.URL.Path]); refusal != 0 {
		answer.WriteHeader(refusal)
		return
	}
	defer leave(address, bodies)
	if reads {
		l.next.ServeHTTP(answer, request)
		return
	}
	passOn(l.next, answer, request)
}

// passOn is apart: where one deferred call panics, Traefik's interpreter leaves out the others of a function.
func passOn(next http.Handler, answer http.ResponseWriter, request *http.Request) {
	watched := &begun{ResponseWriter: answer}
	defer watched.end(request.Context())
	next.ServeHTTP(watched, request)
}

// begun knows whether an answer is on its way. What a part says to a write is gathered first; if the part
// ends in the middle, Traefik would say 500 in its own words. A status alone waits: compression says 200
// while a panic passes it.
type begun struct {
	http.ResponseWriter
	status     int
	isOnItsWay bool
}

func (b *begun) WriteHeader(status int) {
	if status < http.StatusOK {
		b.ResponseWriter.WriteHeader(status)
	} else if b.status == 0 {
		b.status = status
	}
}

func (b *begun) Write(content []byte) (int, error) {
	b.begin()
	return b.ResponseWriter.Write(content)
}

func (b *begun) begin() {
	if !b.isOnItsWay && b.status != 0 {
		b.ResponseWriter.WriteHeader(b.status)
	}
	b.isOnItsWay = true
}

// end: an answer is aborted by a panic that says so. The interpreter logs each as an error, with its stack,
// and nobody has to be cut off who has gone.
func (b *begun) end(asked context.Context) {
	panicked := recover()
	if panicked == nil {
		b.begin()
		return
	}
	if panicked != http.ErrAbortHandler || b.isOnItsWay && asked.Err() == nil { // Traefik logs it
		panic(panicked)
	}
	if !b.isOnItsWay {
		b.ResponseWriter.WriteHeader(http.StatusBadGateway)
	}
}

func isAmbiguous(path string) bool {
	if !strings.Contains(path, "%") {
		return false
	}
	path = strings.ToLower(path)
	for _, each := range ambiguous {
		if strings.Contains(path, each) {
			return true
		}
	}
	return false
}

// enter returns 0 for who may go on, or with what status to refuse.
func (l *limits) enter(address string, bodies int, signsIn bool) int {
	mutex.Lock()
	defer mutex.Unlock()
	now := time.Now()
	if !requests.take(address, now, l.config.Rate, 2*l.config.Rate) {
		return tooMany
	}
	if signsIn && !signIns.take(address, now, l.config.SignInRate, l.config.SignInBurst) {
		return tooMany
	}
	own := addresses[address]
	if own.requests >= l.config.Requests || own.bodies+bodies > l.config.Bodies {
		return tooMany
	}
	if allBodies+bodies > l.config.AllBodies {
		return overloaded
	}
	allBodies += bodies
	addresses[address] = underWay{own.requests + 1, own.bodies + bodies}
	return 0
}

func leave(address string, bodies int) {
	mutex.Lock()
	defer mutex.Unlock()
	allBodies -= bodies
	own := addresses[address]
	if own.requests == 1 {
		delete(addresses, address)
		return
	}
	addresses[address] = underWay{own.requests - 1, own.bodies - bodies}
}

// A bucket holds what an address may still ask at once, and fills again.
type bucket struct {
	left float64
	at   time.Time
}

// remembered is longer than any bucket takes to fill: one that is forgotten was full.
const remembered = 30 * time.Second

// buckets forget by halves, so that nobody waits while they do.
type buckets struct {
	younger, older map[string]bucket
	turned         time.Time
}

func (b *buckets) take(address string, now time.Time, rate, burst float64) bool {
	if now.Sub(b.turned) > remembered {
		b.younger, b.older, b.turned = map[string]bucket{}, b.younger, now
	}
	own, found := b.younger[address]
	if !found {
		if own, found = b.older[address]; !found {
			own = bucket{burst, now}
		}
	}
	left := own.left + rate*now.Sub(own.at).Seconds()
	if left > burst {
		left = burst
	}
	enough := left >= 1
	if enough {
		left--
	}
	b.younger[address] = bucket{left, now}
	return enough
}

// addressOf: one household of IPv6 is one address. A trusted proxy names the browser's last.
func (l *limits) addressOf(request *http.Request) string {
	address, _, err := net.SplitHostPort(request.RemoteAddr)
	if err != nil {
		address = request.RemoteAddr
	}
	if l.config.BehindProxy {
		if said := strings.Join(request.Header.Values("X-Forwarded-For"), ","); said != "" {
			address = strings.TrimSpace(said[strings.LastIndex(said, ",")+1:])
		}
	}
	if ip := net.ParseIP(address); ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return address
}
