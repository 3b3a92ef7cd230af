"""The official Python SDK, unmodified, against a started workspace: it finds it by the environment alone."""

import dataclasses
import io
import json
import os
import threading
import time
import unittest
import urllib.request
import uuid
from datetime import timedelta

import openai
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    DatabricksError,
    InvalidParameterValue,
    NotFound,
    NotImplemented,
    OperationFailed,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceDoesNotExist,
    Unauthenticated,
)
from databricks.sdk.service import catalog, compute, jobs, workspace
from databricks.sdk.service.jobs import RunLifeCycleState, RunResultState
from databricks.sdk.service.sql import StatementParameterListItem, StatementState

VOLUME = "/Volumes/main/default/files"
w = WorkspaceClient()


def other() -> WorkspaceClient:
    return WorkspaceClient(host=os.environ["DATABRICKS_HOST"], token=os.environ["DATABRICKS_OTHER_TOKEN"])


def put_script(text: str) -> str:
    path = f"{VOLUME}/scripts/{uuid.uuid4()}.py"
    w.files.upload(path, io.BytesIO(text.encode()), overwrite=True)
    return path


def python_task(text: str, *parameters: str, **settings) -> jobs.SubmitTask:
    return jobs.SubmitTask(
        task_key="main",
        existing_cluster_id=os.environ["DATABRICKS_CLUSTER_ID"],
        spark_python_task=jobs.SparkPythonTask(python_file=put_script(text), parameters=list(parameters)),
        **settings,
    )


class Identity(unittest.TestCase):
    def test_current_user(self):
        self.assertEqual(w.current_user.me().user_name, os.environ["DATABRICKS_CLIENT_ID"])

    def test_client_credentials(self):
        m2m = WorkspaceClient(
            host=os.environ["DATABRICKS_HOST"],
            client_id=os.environ["DATABRICKS_CLIENT_ID"],
            client_secret=os.environ["DATABRICKS_CLIENT_SECRET"],
            auth_type="oauth-m2m",
        )
        self.assertEqual(m2m.current_user.me().user_name, os.environ["DATABRICKS_CLIENT_ID"])

    def test_wrong_token(self):
        wrong = WorkspaceClient(host=os.environ["DATABRICKS_HOST"], token="dapi-wrong")
        with self.assertRaises(Unauthenticated):
            wrong.current_user.me()

    def test_what_is_missing(self):
        with self.assertRaises(NotImplemented):
            list(w.pipelines.list_pipelines())


def unknown_fields(kind, answer: dict) -> list[str]:
    names = {field.name for field in dataclasses.fields(kind)}
    return [f"{kind.__name__}.{name}" for name in answer if name not in names]


class Fields(unittest.TestCase):
    def test_runs_have_no_field_that_the_sdk_does_not_know(self):
        run = w.jobs.submit(run_name="fields", tasks=[python_task("print(1)", "a")]).result()
        get = lambda name, run_id: w.api_client.do(
            "GET", f"/api/2.2/jobs/runs/{name}", query={"run_id": run_id, "include_history": "true"}
        )
        whole, task = get("get", run.run_id), get("get", run.tasks[0].run_id)
        listed = w.api_client.do("GET", "/api/2.2/jobs/runs/list", query={"expand_tasks": "true"})
        output = get("get-output", run.tasks[0].run_id)
        found = unknown_fields(jobs.RunOutput, output)
        found += unknown_fields(jobs.ListRunsResponse, listed)
        for each in (whole, task, output["metadata"], *listed["runs"]):
            found += unknown_fields(jobs.Run, each)
            found += unknown_fields(jobs.RunState, each["state"])
            found += unknown_fields(jobs.RunStatus, each["status"])
            for part in each.get("tasks", []):
                found += unknown_fields(jobs.RunTask, part)
            for repair in each.get("repair_history", []):
                found += unknown_fields(jobs.RepairHistoryItem, repair)
        self.assertEqual(found, [])

class Files(unittest.TestCase):
    def test_upload_download_metadata_delete(self):
        path = f"{VOLUME}/sdk/ä b.bin"
        w.files.upload(path, io.BytesIO(b"\x00\xff" * 1000), overwrite=True)
        self.assertEqual(w.files.download(path).contents.read(), b"\x00\xff" * 1000)
        metadata = w.files.get_metadata(path)
        self.assertEqual(metadata.content_length, 2000)
        w.files.delete(path)
        with self.assertRaises(NotFound):
            w.files.download(path)

    def test_overwrite_false(self):
        path = f"{VOLUME}/sdk/once-{uuid.uuid4()}"
        w.files.upload(path, io.BytesIO(b"first"), overwrite=False)
        with self.assertRaises(AlreadyExists):
            w.files.upload(path, io.BytesIO(b"second"), overwrite=False)
        self.assertEqual(w.files.download(path).contents.read(), b"first")

    def test_race_of_twelve(self):
        path = f"{VOLUME}/sdk/race-{uuid.uuid4()}"
        outcomes = []

        def write(index: int):
            try:
                w.files.upload(path, io.BytesIO(str(index).encode()), overwrite=False)
                outcomes.append(index)
            except AlreadyExists:
                outcomes.append(None)

        writers = [threading.Thread(target=write, args=(index,)) for index in range(12)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        winners = [outcome for outcome in outcomes if outcome is not None]
        self.assertEqual((len(outcomes), len(winners)), (12, 1))
        self.assertEqual(w.files.download(path).contents.read(), str(winners[0]).encode())

    def test_large_files_in_parts(self):
        path = f"{VOLUME}/sdk/large"
        content = os.urandom(60 * 1024 * 1024)
        w.files.upload(path, io.BytesIO(content), overwrite=True)
        self.assertTrue(w.files.download(path).contents.read() == content)
        with self.assertRaises(AlreadyExists):
            w.files.upload(path, io.BytesIO(content), overwrite=False)

    def test_dbutils(self):
        base = f"{VOLUME}/sdk/dbutils-{uuid.uuid4()}"
        w.dbutils.fs.put(f"{base}/a.txt", "hello", True)
        w.dbutils.fs.cp(f"{base}/a.txt", f"{base}/b.txt")
        w.dbutils.fs.mv(f"{base}/a.txt", f"{base}/c.txt")
        self.assertEqual(sorted(f.name for f in w.dbutils.fs.ls(base)), ["b.txt", "c.txt"])
        self.assertEqual(w.dbutils.fs.head(f"{base}/c.txt"), "hello")
        w.dbutils.fs.rm(base, True)
        self.assertFalse(w.dbfs.exists(base))

    def test_directories(self):
        base = f"{VOLUME}/sdk/tree-{uuid.uuid4()}"
        w.files.create_directory(f"{base}/a/b")
        for index in range(25):
            w.files.upload(f"{base}/file-{index:02}", io.BytesIO(b"x"))
        names = [entry.name for entry in w.files.list_directory_contents(base, page_size=10)]
        self.assertEqual(names, ["a"] + [f"file-{index:02}" for index in range(25)])
        with self.assertRaises(InvalidParameterValue):
            w.files.delete_directory(base)
        w.files.delete_directory(f"{base}/a/b")
        with self.assertRaises(NotFound):
            w.files.get_directory_metadata(f"{base}/a/b")

    def test_without_grants(self):
        with self.assertRaises(PermissionDenied):
            other().files.download(f"{VOLUME}/anything")


class Catalog(unittest.TestCase):
    def test_schemas_volumes_and_grants(self):
        name = f"sdk_{uuid.uuid4().hex[:8]}"
        schema = w.schemas.create(name=name.upper(), catalog_name="main")
        self.assertEqual(schema.full_name, f"main.{name}")
        with self.assertRaises(BadRequest):
            w.schemas.create(name=name, catalog_name="main")
        volume = w.volumes.create("main", name, "data", catalog.VolumeType.MANAGED)
        self.assertIn(volume.full_name, [v.full_name for v in w.volumes.list("main", name)])
        principal = os.environ["DATABRICKS_OTHER_CLIENT_ID"]
        w.grants.update(
            "volume",
            volume.full_name,
            changes=[catalog.PermissionsChange(principal=principal, add=[catalog.Privilege.READ_VOLUME])],
        )
        granted = w.grants.get("volume", volume.full_name).privilege_assignments
        self.assertEqual([(a.principal, a.privileges) for a in granted], [(principal, [catalog.Privilege.READ_VOLUME])])
        w.schemas.delete(schema.full_name, force=True)
        with self.assertRaises(NotFound):
            w.volumes.read(volume.full_name)


class Secrets(unittest.TestCase):
    def test_scopes_and_secrets(self):
        scope = f"sdk-{uuid.uuid4().hex[:8]}"
        w.secrets.create_scope(scope)
        with self.assertRaises(ResourceAlreadyExists):
            w.secrets.create_scope(scope)
        w.secrets.put_secret(scope, "key", string_value="value")
        self.assertEqual([s.key for s in w.secrets.list_secrets(scope)], ["key"])
        self.assertEqual(w.dbutils.secrets.get(scope, "key"), "value")
        w.secrets.put_acl(scope, os.environ["DATABRICKS_OTHER_CLIENT_ID"], workspace.AclPermission.READ)
        self.assertEqual(len(list(w.secrets.list_acls(scope))), 2)
        w.secrets.delete_scope(scope)
        with self.assertRaises(ResourceDoesNotExist):
            w.secrets.get_secret(scope, "key")


class Clusters(unittest.TestCase):
    def test_waiters(self):
        created = w.clusters.create(
            spark_version=w.clusters.select_spark_version(long_term_support=True),
            node_type_id=w.clusters.select_node_type(local_disk=True),
            cluster_name="sdk",
            num_workers=0,
        ).result(timeout=timedelta(minutes=1))
        self.assertEqual(created.state.value, "RUNNING")
        w.clusters.delete_and_wait(created.cluster_id)
        w.clusters.ensure_cluster_is_running(created.cluster_id)
        self.assertIn(created.cluster_id, [c.cluster_id for c in w.clusters.list()])
        w.clusters.permanent_delete(created.cluster_id)
        with self.assertRaises(ResourceDoesNotExist):
            w.clusters.get(created.cluster_id)


class WorkspaceTree(unittest.TestCase):
    def test_upload_list_download(self):
        home = f"/Users/{w.current_user.me().user_name}/sdk"
        w.workspace.mkdirs(home)
        w.workspace.upload(f"{home}/notes.txt", io.BytesIO(b"hello"), overwrite=True, format=workspace.ImportFormat.AUTO)
        with w.workspace.download(f"{home}/notes.txt") as downloaded:
            self.assertEqual(downloaded.read(), b"hello")
        source = b"# Databricks notebook source\nprint(1)\n"
        w.workspace.upload(f"{home}/book.py", io.BytesIO(source), overwrite=True, format=workspace.ImportFormat.AUTO)
        types = {o.path.rsplit("/", 1)[1]: o.object_type.value for o in w.workspace.list(home)}
        self.assertEqual(types, {"book": "NOTEBOOK", "notes.txt": "FILE"})
        w.workspace.delete(home, recursive=True)


class Statements(unittest.TestCase):
    def test_execute(self):
        answer = w.statement_execution.execute_statement(
            "SELECT :n + 1 AS n, :s AS s",
            os.environ["DATABRICKS_WAREHOUSE_ID"],
            parameters=[
                StatementParameterListItem(name="n", value="41", type="INT"),
                StatementParameterListItem(name="s", value="ü"),
            ],
        )
        self.assertEqual(answer.status.state, StatementState.SUCCEEDED)
        self.assertEqual([column.name for column in answer.manifest.schema.columns], ["n", "s"])
        self.assertEqual(answer.result.data_array, [["42", "ü"]])

    def test_a_failed_statement_is_an_answer(self):
        answer = w.statement_execution.execute_statement(
            "SELECT * FROM main.default.no_such_table", os.environ["DATABRICKS_WAREHOUSE_ID"]
        )
        self.assertEqual(answer.status.state, StatementState.FAILED)
        self.assertIn("TABLE_OR_VIEW_NOT_FOUND", answer.status.error.message)


class Runs(unittest.TestCase):
    def test_submit_and_result(self):
        script = "import sys, os\nprint('hello', sys.argv[1:])\n"
        run = w.jobs.submit(run_name="sdk", tasks=[python_task(script, "a", "b c")]).result()
        self.assertEqual(run.state.life_cycle_state, RunLifeCycleState.TERMINATED)
        self.assertEqual(run.state.result_state, RunResultState.SUCCESS)
        output = w.jobs.get_run_output(run.tasks[0].run_id)
        self.assertIn("hello ['a', 'b c']", output.logs)
        with self.assertRaises(BadRequest):
            w.jobs.get_run_output(run.run_id)

    def test_a_failing_task_fails_the_waiter(self):
        waiter = w.jobs.submit(run_name="fails", tasks=[python_task("raise ValueError('on purpose')")])
        with self.assertRaises(OperationFailed):
            waiter.result()
        run = w.jobs.get_run(waiter.run_id)
        self.assertEqual(run.state.life_cycle_state, RunLifeCycleState.INTERNAL_ERROR)
        self.assertEqual(run.state.result_state, RunResultState.FAILED)
        output = w.jobs.get_run_output(run.tasks[0].run_id)
        self.assertIn("on purpose", output.error)
        self.assertIn("Traceback", output.error_trace)

    def test_cancel_run_and_wait(self):
        started = w.jobs.submit(run_name="long", tasks=[python_task("import time\ntime.sleep(600)\n")])
        run = w.jobs.cancel_run_and_wait(started.run_id)
        self.assertEqual(run.state.life_cycle_state, RunLifeCycleState.TERMINATED)
        self.assertEqual(run.state.result_state, RunResultState.CANCELED)

    def test_idempotency_token(self):
        token = uuid.uuid4().hex
        task = python_task("print(1)")
        first = w.jobs.submit(tasks=[task], idempotency_token=token)
        second = w.jobs.submit(tasks=[task], idempotency_token=token)
        self.assertEqual(first.run_id, second.run_id)
        with self.assertRaises(InvalidParameterValue):
            w.jobs.submit(tasks=[task], idempotency_token="x" * 65)

    def test_list_runs_iterates_over_pages(self):
        task = python_task("print(1)")
        submitted = {w.jobs.submit(run_name=f"page {i}", tasks=[task]).run_id for i in range(7)}
        for run_id in submitted:  # a run that ends between two pages moves to the first
            w.jobs.wait_get_run_job_terminated_or_skipped(run_id)
        listed = [run.run_id for run in w.jobs.list_runs(limit=3)]
        self.assertTrue(submitted <= set(listed))
        self.assertEqual(len(listed), len(set(listed)))

    def test_a_job_created_run_and_deleted(self):
        created = w.jobs.create(
            name="sdk job",
            tasks=[
                jobs.Task(
                    task_key="main",
                    existing_cluster_id=os.environ["DATABRICKS_CLUSTER_ID"],
                    spark_python_task=jobs.SparkPythonTask(
                        python_file=put_script("import sys\nprint(sys.argv[1])\n"),
                        parameters=["{{job.parameters.word}}"],
                    ),
                )
            ],
            parameters=[jobs.JobParameterDefinition(name="word", default="default")],
        )
        run = w.jobs.run_now(created.job_id, job_parameters={"word": "given"}).result()
        self.assertIn("given", w.jobs.get_run_output(run.tasks[0].run_id).logs)
        self.assertIn(created.job_id, [job.job_id for job in w.jobs.list(name="sdk job")])
        w.jobs.delete(created.job_id)
        with self.assertRaises(DatabricksError):
            w.jobs.get(created.job_id)

    def test_missing_run(self):
        with self.assertRaises(ResourceDoesNotExist):
            w.jobs.get_run(404404404404)

    def test_the_other_principal_may_do_nothing(self):
        with self.assertRaises(PermissionDenied):
            other().jobs.submit(tasks=[python_task("print(1)")])


def admin(method: str, path: str, body: object = None) -> None:
    request = urllib.request.Request(
        os.environ["DATABRICKS_WORKSPACE_ADMIN"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
    )
    urllib.request.urlopen(request).close()


class Chat(unittest.TestCase):
    """The client of OpenAI, as an unmodified planner would use it."""

    def setUp(self):
        self.client = openai.OpenAI(
            base_url=f"{os.environ['DATABRICKS_HOST']}/serving-endpoints",
            api_key=os.environ["DATABRICKS_TOKEN"],
            max_retries=0,
        )
        admin("POST", "/chat/scripts", {"match": {"prompt": "*plan*"}, "content": "train for 3 epochs"})
        self.addCleanup(admin, "DELETE", "/chat/scripts")

    def ask(self, text, **more):
        return self.client.chat.completions.create(
            model="planner", messages=[{"role": "user", "content": text}], **more
        )

    def test_an_answer_and_what_it_cost(self):
        answer = self.ask("the next plan, please")
        self.assertEqual(answer.choices[0].message.content, "train for 3 epochs")
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens)

    def test_a_cut_answer(self):
        self.assertEqual(self.ask("a plan", max_tokens=2).choices[0].finish_reason, "length")

    def test_a_stream(self):
        chunks = list(self.ask("a plan", stream=True))
        said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        self.assertEqual(said, "train for 3 epochs")
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

    def test_refusals(self):
        with self.assertRaisesRegex(openai.NotFoundError, "does not exist"):
            self.ask("nothing answers this")
        admin("POST", "/faults", {"route": "chat/completions", "status": 429, "times": 1})
        with self.assertRaises(openai.RateLimitError):
            self.ask("a plan")


class Commands(unittest.TestCase):
    def test_a_context_keeps_its_names(self):
        cluster = os.environ["DATABRICKS_CLUSTER_ID"]
        run = w.command_execution
        made = run.create(cluster_id=cluster, language=compute.Language.PYTHON).result()

        def execute(command):
            return run.execute(
                cluster_id=cluster, context_id=made.id, language=compute.Language.PYTHON, command=command
            )

        try:
            execute("x = 20").result()
            said = execute("print('seen')\nx + 1").result()
            self.assertEqual(said.results.result_type, compute.ResultType.TEXT)
            self.assertEqual(said.results.data, "seen\n21")
            failed = execute("1 / 0").result()
            self.assertEqual(failed.status, compute.CommandStatus.FINISHED)
            self.assertEqual(failed.results.summary, "ZeroDivisionError: division by zero")
            endless = execute("while True: pass")
            while run.command_status(cluster, made.id, endless.command_id).status != compute.CommandStatus.RUNNING:
                time.sleep(0.05)
            cancelled = run.cancel(cluster_id=cluster, context_id=made.id, command_id=endless.command_id).result()
            self.assertEqual(cancelled.status, compute.CommandStatus.CANCELLED)
        finally:
            run.destroy(cluster_id=cluster, context_id=made.id)
        with self.assertRaisesRegex(NotFound, "ContextNotFound"):
            run.context_status(cluster, made.id)


if __name__ == "__main__":
    unittest.main()
