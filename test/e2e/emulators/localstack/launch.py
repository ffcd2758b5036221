"""Starts LocalStack without Docker: functions and DynamoDB Local run as child processes of this one.

LocalStack ships one way to run a function, a container. This module gives it another: a Node process per execution
environment, which gets events on its standard input and answers on a pipe of its own.
"""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

from localstack.services.lambda_.invocation import runtime_executor
from localstack.services.lambda_.invocation.lambda_models import InvocationResult

HERE = Path(__file__).parent
DYNAMODB_LOCAL = os.environ["DYNAMODB_LOCAL_DIRECTORY"]
# Set to a path to have one JSON line per invocation, to tell the poller's time from the function's.
TRACE = os.environ.get("LOCALPROC_TRACE")


class LocalProcess(runtime_executor.RuntimeExecutor):
    """One execution environment. LocalStack gives it one event at a time."""

    process = None

    def start(self, env_vars):
        self.env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        self.env |= {name: str(value) for name, value in env_vars.items()}
        code = self.function_version.config.code
        code.prepare_for_execution()
        self.env["LAMBDA_TASK_ROOT"] = str(code.get_unzipped_code_location())
        self.log_path = f"{self.env['LAMBDA_TASK_ROOT']}-{self.id}.log"
        self.trace = {}
        self._spawn()

    def _spawn(self):
        answers, child_end = os.pipe()
        try:
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(
                    ["node", str(HERE / "runtime.mjs")],
                    cwd=self.env["LAMBDA_TASK_ROOT"],
                    env={**self.env, "ANSWERS_DESCRIPTOR": str(child_end)},
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    pass_fds=(child_end,),
                )
        finally:
            os.close(child_end)
        self.answers = os.fdopen(answers, "rb")
        ready = self.answers.readline()
        if not ready or "ready" not in json.loads(ready):
            self.process.kill()
            raise runtime_executor.LambdaRuntimeException(
                f"The function did not start: {ready.decode()} {self.get_logs()[-2000:]}"
            )

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def invoke(self, payload):
        begun = time.time()
        # Like AWS, a fresh environment after a timeout or a crash.
        if self.process.poll() is not None:
            self._spawn()
        seconds = self.function_version.config.timeout
        is_late = threading.Event()

        def end():
            is_late.set()
            self.process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        before = os.path.getsize(self.log_path)
        event = {**payload, "deadline": int((begun + seconds) * 1000)}
        try:
            self.process.stdin.write(json.dumps(event).encode() + b"\n")
            self.process.stdin.flush()
            line = self.answers.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        with open(self.log_path, "rb") as log:
            log.seek(before)
            logs = log.read().decode(errors="replace")
        if line:
            answer = json.loads(line)
        else:
            self.process.wait()
            kind = "Sandbox.Timedout" if is_late.is_set() else "Runtime.ExitError"
            said = f"Task timed out after {seconds}.00 seconds" if is_late.is_set() else "Runtime exited"
            message = f"RequestId: {payload['invoke-id']} Error: {said}"
            answer = {"error": {"errorType": kind, "errorMessage": message}}
        is_error = "error" in answer
        self._note(begun, payload, is_error)
        body = json.dumps(answer["error"]) if is_error else answer["result"]
        return InvocationResult(payload["invoke-id"], body.encode(), is_error=is_error, logs=logs)

    def _note(self, begun, payload, is_error):
        if not TRACE:
            return
        event = json.loads(payload["payload"] or "{}")
        records = len(event.get("Records", [])) if isinstance(event, dict) else 0
        line = {
            "function": self.function_version.id.function_name,
            "environment": self.id,
            "begun": round(begun * 1000),
            "ms": round((time.time() - begun) * 1000),
            "records": records,
            "isError": is_error,
        }
        with open(TRACE, "a") as trace:
            trace.write(json.dumps(line) + "\n")

    def get_logs(self):
        return Path(self.log_path).read_text(errors="replace") if os.path.exists(self.log_path) else ""

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return "http://127.0.0.1"

    @classmethod
    def prepare_version(cls, function_version):
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass


def use_local_processes():
    # Before anybody imports the name: they all look it up in this module.
    runtime_executor.get_runtime_executor = lambda: LocalProcess

    from localstack.services.dynamodb import packages, server

    # The java of this machine and a jar that is there: no download, and no agent, which only lifts a limit on indexes.
    installer = packages.DynamoDBLocalPackageInstaller
    installer.get_installed_dir = lambda self: DYNAMODB_LOCAL
    installer.get_java_env_vars = lambda self: {}
    with_agent = server.DynamodbServer._create_shell_command

    def command(self):
        parts = [part for part in with_agent(self) if not part.startswith("-javaagent:")]
        # LocalStack starts it in a session of its own, where it would outlive a LocalStack that is killed. Silent, since
        # its standard error is a pipe that ends with LocalStack, and a guard that writes there ends too.
        guard = f'"$@" & child=$!; while kill -0 {os.getpid()} 2>/dev/null; do sleep 1; done; kill -KILL $child'
        return ["sh", "-c", guard, "sh", *parts]

    server.DynamodbServer._create_shell_command = command


if __name__ == "__main__":
    use_local_processes()
    from localstack.runtime.main import main

    main()
