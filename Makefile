# make help says what can be made here.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
COLCON_DIR ?= .

LINTED := $(wildcard launch test vpr_ros benchmarks)
METADATA := setup.cfg setup.py constraints.txt
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

# A sourced ROS brings pytest plugins that some versions of pytest cannot load. None is used here.
export PYTEST_DISABLE_PLUGIN_AUTOLOAD := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# All targets share one environment.
.NOTPARALLEL:

.PHONY: help
help:  ## say what can be made
	@echo 'make <target>:'
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='|' read -r name text; do printf '%-13s %s\n' "$$name" "$$text"; done
	@echo 'variables: PYTHON=$(PYTHON) (at least 3.10), VENV=$(VENV) (where vpr_ros is installed)'

# What a user does -------------------------------------------------------------------------------

.PHONY: demo
demo: demo-data $(VENV)/.installed  ## localize a night in the snow in a map made by day, or DATA=<folder of traverses> [REFERENCE=<name>] [QUERY=<name>]
	$(BIN)/vpr_ros demo --out demo $(if $(DATA),--data '$(DATA)') \
	  $(if $(REFERENCE),--reference '$(REFERENCE)') $(if $(QUERY),--query '$(QUERY)')

.PHONY: demo-data
demo-data:
ifneq ($(strip $(DATA)),)
	@test -d '$(DATA)' || { \
	  echo 'make demo: DATA=$(DATA) is not a folder. Name a folder with one folder of images for each traverse.' >&2; \
	  exit 1; }
endif

# Stopped by SIGTERM: what a shell starts in the background does not hear Ctrl-C.
.PHONY: demo-live
demo-live: $(VENV)/.installed-dds  ## play the night of the demo to the localizer live: two processes, over DDS
	@test -f demo/day.vprmap || $(MAKE) --no-print-directory demo
	@export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST; \
	$(BIN)/vpr_ros live --map demo/day.vprmap --image /camera/image_raw --compressed --odom /odom & live=$$!; \
	$(BIN)/vpr_ros bag play demo/night_snow.mcap --rate $(or $(RATE),2) --wait 60; played=$$?; \
	kill -TERM $$live && wait $$live && exit $$played

.PHONY: install
install: $(VENV)/.installed  ## install vpr_ros into the environment VENV

# What a developer does --------------------------------------------------------------------------

.PHONY: develop
develop: $(foreach extra,train test lint colcon,$(VENV)/.installed-$(extra))  ## install all that work on vpr_ros needs

.PHONY: test
test: $(VENV)/.installed-test  ## run every test (ARGS=<arguments of pytest>)
	$(BIN)/python -m pytest $(ARGS)

.PHONY: lint
lint: $(VENV)/.installed-lint  ## run ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/mypy

AMENT_TOOLS := ament_copyright ament_flake8 ament_pep257 ament_xmllint

.PHONY: ament-lint
ament-lint:  ## run the linters of ROS, as Debian and Ubuntu package them
	@for tool in $(AMENT_TOOLS); do command -v $$tool >/dev/null || { \
	  echo "$$tool is missing: sudo apt install $(subst _,-,$(AMENT_TOOLS:%=python3-%))" >&2; exit 1; }; done
	ament_copyright LICENSE CONTRIBUTING.md setup.py $(LINTED)
	ament_flake8 setup.py $(LINTED)
	ament_pep257 setup.py $(LINTED)
	ament_xmllint package.xml vpr_msgs/package.xml

# vpr_msgs is left out: it needs ROS.
.PHONY: colcon
colcon: $(VENV)/.installed-colcon  ## build vpr_ros with colcon, without ROS (COLCON_DIR=<where build/, install/ and log/ go>)
	$(BIN)/python -m colcon --log-base '$(COLCON_DIR)/log' build --base-paths . \
	  --build-base '$(COLCON_DIR)/build' --install-base '$(COLCON_DIR)/install' \
	  --event-handlers console_direct+

.PHONY: clean
clean:  ## remove all that was made here
	rm -rf $(VENV) build install log demo dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# The environment --------------------------------------------------------------------------------

# The stamp says that the environment is whole and that the tools which install are the pinned ones.
$(VENV)/.ready: constraints.txt
	@command -v '$(PYTHON)' >/dev/null || { \
	  echo '$(PYTHON) is missing: sudo apt install python3 python3-venv' >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "vpr_ros needs Python 3.10 or newer, and $(PYTHON) is $$('$(PYTHON)' -V 2>&1)." >&2; \
	  echo 'Name a newer one: make PYTHON=<python>. Debian 12 and Ubuntu 22.04 bring one: sudo apt install python3 python3-venv' >&2; \
	  exit 1; }
	@'$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) cannot make virtual environments: sudo apt install python3-venv' >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || '$(PYTHON)' -m venv --clear '$(VENV)'
	$(PIP_INSTALL) --quiet pip setuptools
	@touch $@

$(VENV)/.installed: $(METADATA) $(VENV)/.ready
	$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-%: $(METADATA) $(VENV)/.ready
	$(PIP_INSTALL) --no-build-isolation --editable '.[$*]'
	@touch $@
