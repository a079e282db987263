package binding

import (
	"strings"
	"testing"

	"github.com/grafana/sobek"

	"xk6-realtime/engine/clock"
	"xk6-realtime/engine/swarm"
)

// A function that gives values reaches the handshake of its connection.
func TestLoginsReachTheConnections(t *testing.T) {
	script := `const swarm = new realtime.Swarm({
		servers: ["` + startServer(t) + `/?ticket=${ticket}"], connections: 20, rate: 10000, loginVariables: ["ticket"],
	}); const asked = [];`
	rt, samples := virtualUser(t, New(), script)
	run := `swarm.run(async (connection, lateMs) => {
		asked.push(connection);
		return connection % 5 > 0 ? { values: ["of " + connection + (lateMs >= 0)] } : undefined;
	}).then((outcome) => { globalThis.outcome = outcome })`
	if _, err := rt.RunOnEventLoop(run); err != nil {
		t.Fatal(err)
	}
	got, err := rt.VU.Runtime().RunString("asked.sort((a, b) => a - b).join() + ' ' + outcome.opened")
	if want := "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19 16"; err != nil || got.String() != want {
		t.Errorf("asked and opened %v, want %s (%v)", got, want, err)
	}
	if failed := sumOf(samples, "ws_connect_failures"); failed != 4 {
		t.Errorf("%v failures, want 4", failed)
	}
	for script, want := range map[string]string{
		"swarm.run()": "Swarm.run: expected a function exactly where there are loginVariables",
		"swarm.run(async () => ({ values: [] }))": "expected a login to give 1 values, got 0",
	} {
		if _, err := rt.RunOnEventLoop(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", script, err, want)
		}
	}
}

func TestSoManyLoginsAtATime(t *testing.T) {
	rt, _ := virtualUser(t, New(), "")
	vm := rt.VU.Runtime()
	var calls, crowded, whenFull int
	var desk *loginDesk
	var first func(any) error
	logIn := func(sobek.FunctionCall) sobek.Value {
		promise, resolve, _ := vm.NewPromise()
		switch calls++; calls {
		case 1:
			first = resolve
		case mostLogins:
			later := rt.VU.RegisterCallback()
			go later(func() error { // after the desk's turn
				whenFull = calls
				return first(sobek.Undefined())
			})
		case mostLogins + 1:
			desk.close()
		}
		return vm.ToValue(promise)
	}
	call, _ := sobek.AssertFunction(vm.ToValue(logIn))
	failed := 0
	err := rt.EventLoop.Start(func() error {
		desk = openLoginDesk(rt.VU, call, &requests{logins: &loginValues{shards: 1}}, func() { crowded++ })
		for i := range mostLogins + 1 {
			desk.ask(i, clock.Now(), func(l swarm.Login) { failed++ })
		}
		return nil
	})
	if err != nil || calls != mostLogins+1 || whenFull != mostLogins || crowded == 0 || failed != 1 {
		t.Errorf("%d calls, %d before one was answered, crowded %d times, %d failed (%v); want %d, %d, at least 1, 1",
			calls, whenFull, crowded, failed, err, mostLogins+1, mostLogins)
	}
}
