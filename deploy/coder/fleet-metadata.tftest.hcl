mock_provider "coder" {}

variables {
  agent_id = "agent"
}

run "defaults" {
  command = plan

  assert {
    condition     = coder_app.page.url == "http://localhost:8000/" && one(coder_app.page.healthcheck).url == "http://localhost:8000/health"
    error_message = "The app must show the page, and be healthy when the server is ready."
  }
  assert {
    condition     = coder_app.page.share == "owner" && coder_app.page.subdomain == false
    error_message = "The app must be for its owner alone, at a path of Coder's."
  }
  assert {
    condition     = coder_script.start.run_on_start && startswith(coder_script.start.script, "#!/bin/sh\n") && strcontains(coder_script.start.script, "\nFM_PORT='8000'\n")
    error_message = "The script must start the server on its port."
  }
  assert {
    condition     = coder_script.stop.run_on_stop && strcontains(coder_script.stop.script, "\nFM_ACTION=stop\n")
    error_message = "The server must stop with the workspace."
  }
  assert {
    condition     = length(coder_env.token) == 0
    error_message = "Without a token, no variable must be set."
  }
  assert {
    condition     = [for item in output.metadata : item.key] == ["fleet_git", "fleet_pull_request", "fleet_task"] && output.url == "http://127.0.0.1:8000"
    error_message = "The outputs must hold the items of metadata and the address."
  }
}

run "everything_set" {
  command = plan

  variables {
    workspace         = "~/it's a \"project\" of $HOME"
    port              = 8123
    install_method    = "executable"
    install_source    = "https://example.com/fleet-metadata"
    install_sha256    = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    github_auth       = "external-auth"
    token             = "secret"
    settings          = { FLEET_METADATA_GIT_DEADLINE = "10s" }
    log_level         = "debug"
    log_max_kib       = 64
    slug              = "metadata"
    order             = 3
    group             = "Agents"
    share             = "authenticated"
    subdomain         = true
    open_in           = "tab"
    metadata_interval = 30
    metadata_order    = 5
  }

  assert {
    condition     = coder_app.page.url == "http://localhost:8123/" && coder_app.page.subdomain && coder_app.page.order == 3 && coder_app.page.group == "Agents"
    error_message = "The app must be as the variables say."
  }
  assert {
    condition     = strcontains(coder_script.start.script, "\nFM_WORKSPACE='~/it'\\''s a \"project\" of $HOME'\n")
    error_message = "A value must be one word of a shell, whatever is in it."
  }
  assert {
    condition     = coder_env.token[0].name == "FLEET_METADATA_TOKEN" && !strcontains(coder_script.start.script, "secret")
    error_message = "The token must be in the environment and not in the script."
  }
  assert {
    condition     = [for item in output.metadata : item.order] == [5, 6, 7] && output.metadata[0].interval == 30
    error_message = "The items of metadata must be as the variables say."
  }
}

run "port_out_of_range" {
  command = plan
  variables {
    port = 80
  }
  expect_failures = [var.port]
}

run "unknown_install_method" {
  command = plan
  variables {
    install_method = "brew"
  }
  expect_failures = [var.install_method]
}

run "executable_from_nowhere" {
  command = plan
  variables {
    install_method = "executable"
  }
  expect_failures = [coder_script.start]
}

run "token_file_without_name" {
  command = plan
  variables {
    github_auth = "token-file"
  }
  expect_failures = [coder_script.start]
}

run "setting_with_a_foreign_name" {
  command = plan
  variables {
    settings = { LD_PRELOAD = "x" }
  }
  expect_failures = [var.settings]
}

run "setting_that_has_a_variable" {
  command = plan
  variables {
    settings = { FLEET_METADATA_LISTEN = "0.0.0.0:1" }
  }
  expect_failures = [var.settings]
}

run "slug_with_two_hyphens" {
  command = plan
  variables {
    slug = "fleet--metadata"
  }
  expect_failures = [var.slug]
}

run "relative_paths" {
  command = plan
  variables {
    workspace         = "project"
    github_token_file = "token"
    log_path          = "log"
    install_prefix    = "bin"
  }
  expect_failures = [var.workspace, var.github_token_file, var.log_path, var.install_prefix]
}
