.PHONY: demo test check lock clean

PYTHON ?= python3.11

demo:
	@$(PYTHON) dev.py demo

test:
	@$(PYTHON) dev.py test

check:
	@$(PYTHON) dev.py check

lock:
	@$(PYTHON) dev.py lock

clean:
	@$(PYTHON) dev.py clean
