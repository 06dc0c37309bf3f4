"""Who may include whom. A folder sees itself and what is listed here, nothing else of the project."""
import tree

# Longest match wins. An entry that ends in .h allows that one header.
ALLOWED = {
    "runtime/base": [],
    "runtime/gguf": ["runtime/base"],
    "runtime/model/kernels": ["runtime/base", "runtime/gguf"],
    "runtime/model": ["runtime/base", "runtime/gguf", "runtime/model/kernels"],
    "runtime/engine": ["runtime/base", "runtime/gguf", "runtime/model"],
    # Of the engine the metrics see the facts only, never the machinery.
    "metrics": ["runtime/base", "runtime/engine/records.h", "runtime/engine/ledger.h", "runtime/engine/engine_status.h"],
    # What judges the history asks it through one interface.
    "alerts": ["runtime/base", "metrics/query.h", "config/yaml_document.h"],
    "scaling": ["runtime/base", "metrics/query.h"],
    "logging": ["runtime/base", "runtime/engine/records.h", "metrics/recorder.h"],
    "config": ["runtime/base"],
    "daemon": ["runtime", "metrics", "alerts", "scaling", "logging", "config"],
    "cli": ["runtime", "metrics", "alerts", "scaling", "logging", "config"],
    "bench": ["runtime", "metrics", "alerts", "logging", "daemon"],
    "packaging": ["runtime/base", "config", "cli", "daemon/command_line.h"],
    "tests": ["runtime", "metrics", "alerts", "scaling", "logging", "config", "daemon", "cli", "packaging"],
}

# The model engine knows no HTTP, no JSON, no metrics library and no logging library.
NOT_IN_RUNTIME = ("boost/", "nlohmann/", "prometheus/", "civetweb", "CivetServer", "spdlog/", "fmt/", "yaml-cpp/", "openssl/ssl", "curl/",
                  "systemd/", "CLI/")


def folder_of(path):
    return max((f for f in ALLOWED if path.startswith(f + "/")), key=len, default=None)


def sources():
    return tree.matching(".h", ".cc")


def test_includes_point_downwards():
    faults = []
    for path in sources():
        folder = folder_of(path)
        if folder is None:
            faults.append(f"{path}: its folder has no entry in tests/contract/test_direction.py")
            continue
        for name in tree.includes(path)[0]:
            target = folder_of(name)
            if target == folder or not (tree.ROOT / name).exists():  # GoogleTest's headers are quoted by some
                continue
            # A folder with subfolders of its own, such as runtime/model, is allowed as a whole only to those that list it.
            if not any(name == a or name.startswith(a + "/") for a in ALLOWED[folder]):
                faults.append(f"{path} includes {name}: {folder} may see {', '.join(ALLOWED[folder]) or 'nothing else'}")
    tree.report(faults, "includes against the direction of the folders")


def test_runtime_uses_no_server_libraries():
    faults = [f"{path} includes <{name}>" for path in sources() if path.startswith("runtime/")
              for name in tree.includes(path)[1] if name.startswith(NOT_IN_RUNTIME)]
    tree.report(faults, "libraries that runtime/ must not know")
