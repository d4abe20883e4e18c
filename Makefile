# Every target is one line over a file in scripts/; the tools come from the lock file.
PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready

.PHONY: demo test check bench docs conformance simulate fuzz controlplane format

demo: $(READY)    ; @$(VENV)/bin/moor demo $(if $(FRESH),--fresh)
test: $(READY)    ; @scripts/test
check: $(READY)   ; @scripts/check
bench: $(READY)   ; @scripts/bench
docs: $(READY)    ; @scripts/docs
format: $(READY)  ; @scripts/format
controlplane:     ; @scripts/controlplane
conformance: $(READY) ; @scripts/conformance
simulate: $(READY) ; @$(VENV)/bin/python -m tests.simulate --seeds $(or $(SEEDS),300) --first $(or $(FIRST),0)
fuzz: $(READY)    ; @scripts/fuzz $(or $(INPUTS),100000)

$(READY): requirements.lock pyproject.toml ; @scripts/setup $(PYTHON) $(VENV)
