terraform {
  required_version = ">= 1.3"

  required_providers {
    coder = {
      source  = "coder/coder"
      version = ">= 2.5"
    }
  }
}

variable "agent_id" {
  type        = string
  description = "The ID of a Coder agent."
}

variable "workspace" {
  type        = string
  description = "Directory to serve: the repository it lies in, or those up to two levels below it. The server waits until it is there. \"~/\" stands for the home directory; default: the agent's own directory."
  default     = ""
  validation {
    condition     = can(regex("^(|~|~/.*|/.*)$", var.workspace))
    error_message = "The workspace must be an absolute path or begin with ~/."
  }
}

variable "port" {
  type        = number
  description = "Port on loopback that the server listens on."
  default     = 8000
  validation {
    condition     = var.port >= 1024 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "The port must be a whole number from 1024 to 65535."
  }
}

variable "install_method" {
  type        = string
  description = "Where the program comes from: `npm` (installed globally below install_prefix), `npx` (from npm's cache), `executable` (downloaded from install_source) or `none` (it is in the image, on the PATH)."
  default     = "npm"
  validation {
    condition     = contains(["npm", "npx", "executable", "none"], var.install_method)
    error_message = "The install_method must be one of: npm, npx, executable, none."
  }
}

variable "install_version" {
  type        = string
  description = "Version or tag of the npm package. A version is installed once; a tag is looked up at each start of the workspace."
  default     = "latest"
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._+-]*$", var.install_version))
    error_message = "The install_version must be a version such as 0.1.0, or a tag such as latest."
  }
}

variable "install_source" {
  type        = string
  description = "Another place to install from. With npm and npx a tarball (path or address); with executable the address of the file, which is required then."
  default     = ""
  validation {
    condition     = var.install_source == "" || can(regex("^(https?://|file:/|/)[^[:space:]]+$", var.install_source))
    error_message = "The install_source must be an address (https://...) or an absolute path."
  }
}

variable "install_sha256" {
  type        = string
  description = "SHA-256 of the file that install_source names, with install_method = \"executable\". Empty: it is not checked."
  default     = ""
  validation {
    condition     = can(regex("^([0-9a-f]{64})?$", var.install_sha256))
    error_message = "The install_sha256 must be 64 lower-case hexadecimal digits."
  }
}

variable "install_prefix" {
  type        = string
  description = "Directory that npm and executable install into. Keep it on a volume that outlives the workspace's restarts, and nothing is downloaded twice. \"~/\" stands for the home directory."
  default     = "~/.local/share/fleet-metadata"
  validation {
    condition     = can(regex("^(~/|/)", var.install_prefix))
    error_message = "The install_prefix must be an absolute path or begin with ~/."
  }
}

variable "github_auth" {
  type        = string
  description = "Token for GitHub: `environment` (GITHUB_TOKEN or GH_TOKEN, if there is one), `external-auth` (Coder's, of the provider github_external_auth_id, renewed while the server runs), `token-file` (github_token_file) or `none`."
  default     = "environment"
  validation {
    condition     = contains(["environment", "external-auth", "token-file", "none"], var.github_auth)
    error_message = "The github_auth must be one of: environment, external-auth, token-file, none."
  }
}

variable "github_external_auth_id" {
  type        = string
  description = "ID of the external authentication provider, as in data.coder_external_auth."
  default     = "github"
  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*$", var.github_external_auth_id))
    error_message = "The github_external_auth_id must be the ID of an external authentication provider."
  }
}

variable "github_token_file" {
  type        = string
  description = "File that holds the token, with github_auth = \"token-file\". It is read again when it changes. \"~/\" stands for the home directory."
  default     = ""
  validation {
    condition     = can(regex("^(|~/.*|/.*)$", var.github_token_file))
    error_message = "The github_token_file must be an absolute path or begin with ~/."
  }
}

variable "token" {
  type        = string
  description = "Token that clients must send. Every process of the workspace gets it as FLEET_METADATA_TOKEN. Default: none is needed, since the server listens on loopback and Coder lets in only those whom share names."
  default     = null
  sensitive   = true
  validation {
    condition     = var.token == null || can(regex("^[!-~]+$", var.token))
    error_message = "The token must be one or more visible ASCII characters."
  }
}

variable "settings" {
  type        = map(string)
  description = "Any other setting, as a variable of the server's environment: { FLEET_METADATA_GIT_DEADLINE = \"10s\" }."
  default     = {}
  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^(FLEET_METADATA_[A-Z_]+|GH_HOST|GITHUB_SERVER_URL|GITHUB_API_URL)$", name))])
    error_message = "The settings must be named FLEET_METADATA_..., GH_HOST, GITHUB_SERVER_URL or GITHUB_API_URL."
  }
  validation {
    condition     = length(setintersection(keys(var.settings), ["FLEET_METADATA_LISTEN", "FLEET_METADATA_WORKSPACE", "FLEET_METADATA_TOKEN", "FLEET_METADATA_LOG_LEVEL", "FLEET_METADATA_GITHUB_TOKEN_FILE"])) == 0
    error_message = "The settings LISTEN, WORKSPACE, TOKEN, LOG_LEVEL and GITHUB_TOKEN_FILE follow from the module's own variables."
  }
}

variable "log_level" {
  type        = string
  description = "How much the server logs."
  default     = "info"
  validation {
    condition     = contains(["trace", "debug", "info", "warn", "error", "silent"], var.log_level)
    error_message = "The log_level must be one of: trace, debug, info, warn, error, silent."
  }
}

variable "log_path" {
  type        = string
  description = "File of the log. Beside it lies the one before, as PATH.1. \"~/\" stands for the home directory."
  default     = "~/.local/state/fleet-metadata/log"
  validation {
    condition     = can(regex("^(~/|/)", var.log_path))
    error_message = "The log_path must be an absolute path or begin with ~/."
  }
}

variable "log_max_kib" {
  type        = number
  description = "Size at which the log begins anew, in KiB. Both files together are never larger than twice this."
  default     = 1024
  validation {
    condition     = var.log_max_kib >= 16 && floor(var.log_max_kib) == var.log_max_kib
    error_message = "The log_max_kib must be a whole number of at least 16."
  }
}

variable "display_name" {
  type        = string
  description = "Name of the app."
  default     = "Fleet Metadata"
}

variable "slug" {
  type        = string
  description = "Slug of the app, which stands in its address."
  default     = "fleet-metadata"
  validation {
    condition     = can(regex("^[a-z0-9](-?[a-z0-9])*$", var.slug))
    error_message = "The slug must be of lower-case letters, digits and single hyphens between them."
  }
}

variable "icon" {
  type        = string
  description = "Icon of the app and of the script."
  default     = "/icon/git.svg"
}

variable "order" {
  type        = number
  description = "The order determines the position of app in the UI presentation. The lowest order is shown first and apps with equal order are sorted by name (ascending order)."
  default     = null
}

variable "group" {
  type        = string
  description = "The name of a group that this app belongs to."
  default     = null
}

variable "share" {
  type        = string
  description = "Who may open the app, and so read what the server serves."
  default     = "owner"
  validation {
    condition     = contains(["owner", "authenticated", "public"], var.share)
    error_message = "The share must be one of: owner, authenticated, public."
  }
}

variable "subdomain" {
  type        = bool
  description = "Whether the app has a host name of its own (needs a wildcard address of Coder) or a path on Coder's."
  default     = false
}

variable "open_in" {
  type        = string
  description = "Where the app opens: `slim-window` or `tab`."
  default     = "slim-window"
  validation {
    condition     = contains(["tab", "slim-window"], var.open_in)
    error_message = "The open_in must be one of: tab, slim-window."
  }
}

variable "metadata_interval" {
  type        = number
  description = "How often Coder asks for the items of the output metadata, in seconds."
  default     = 15
  validation {
    condition     = var.metadata_interval >= 1
    error_message = "The metadata_interval must be at least 1."
  }
}

variable "metadata_order" {
  type        = number
  description = "Order of the first item of the output metadata; the others follow."
  default     = 0
}

locals {
  url = "http://127.0.0.1:${var.port}"

  # Every value as one word of a shell, whatever characters are in it.
  word = { for name, value in {
    FM_WORKSPACE         = var.workspace
    FM_PORT              = tostring(var.port)
    FM_INSTALL_METHOD    = var.install_method
    FM_INSTALL_VERSION   = var.install_version
    FM_INSTALL_SOURCE    = var.install_source
    FM_INSTALL_SHA256    = var.install_sha256
    FM_INSTALL_PREFIX    = var.install_prefix
    FM_GITHUB_AUTH       = var.github_auth
    FM_GITHUB_AUTH_ID    = var.github_external_auth_id
    FM_GITHUB_TOKEN_FILE = var.github_token_file
    FM_LOG_LEVEL         = var.log_level
    FM_LOG_PATH          = var.log_path
    FM_LOG_MAX           = tostring(var.log_max_kib * 1024)
    FM_SETTINGS          = join("\n", [for name, value in var.settings : "export ${name}='${replace(value, "'", "'\\''")}'"])
    FM_SUPERVISE         = file("${path.module}/supervise.sh")
  } : name => "'${replace(value, "'", "'\\''")}'" }

  # What a script gets before its first line.
  settings = join("\n", [for name, value in local.word : "${name}=${value}"])

  scripts = { for action in ["start", "stop"] : action =>
    "#!/bin/sh\nFM_ACTION=${action}\n${local.settings}\n${file("${path.module}/run.sh")}"
  }

  items = [
    { key = "fleet_git", display_name = "Branch", keys = "git_branch git_status" },
    { key = "fleet_pull_request", display_name = "Pull request", keys = "github_pr_number github_pr_status github_pr_checks_status" },
    { key = "fleet_task", display_name = "Task", keys = "workspace_task_status workspace_task_description" },
  ]
}

resource "coder_env" "token" {
  count    = nonsensitive(var.token != null) ? 1 : 0
  agent_id = var.agent_id
  name     = "FLEET_METADATA_TOKEN"
  value    = var.token
}

resource "coder_script" "start" {
  agent_id     = var.agent_id
  display_name = var.display_name
  icon         = var.icon
  script       = local.scripts["start"]
  run_on_start = true

  lifecycle {
    precondition {
      condition     = var.install_method != "executable" || var.install_source != ""
      error_message = "With install_method = \"executable\", install_source must say where the executable is."
    }
    precondition {
      condition     = var.github_auth != "token-file" || var.github_token_file != ""
      error_message = "With github_auth = \"token-file\", github_token_file must name the file."
    }
  }
}

resource "coder_script" "stop" {
  agent_id     = var.agent_id
  display_name = "${var.display_name}: stop"
  icon         = var.icon
  script       = local.scripts["stop"]
  run_on_stop  = true
}

resource "coder_app" "page" {
  agent_id     = var.agent_id
  slug         = var.slug
  display_name = var.display_name
  url          = "http://localhost:${var.port}/"
  icon         = var.icon
  subdomain    = var.subdomain
  share        = var.share
  order        = var.order
  group        = var.group
  open_in      = var.open_in

  healthcheck {
    # 503 while it starts or stops; needs no token.
    url       = "http://localhost:${var.port}/health"
    interval  = 5
    threshold = 6
  }
}

output "url" {
  description = "Address of the server for programs in the workspace."
  value       = local.url
}

output "metadata" {
  description = "Items for the blocks metadata of the coder_agent. They do not depend on the agent, so that it may depend on them."
  value = [for index, item in local.items : {
    key          = item.key
    display_name = item.display_name
    script       = "#!/bin/sh\nFM_URL='${local.url}'\nFM_KEYS='${item.keys}'\n${file("${path.module}/metadata.sh")}"
    interval     = var.metadata_interval
    timeout      = 5
    order        = var.metadata_order + index
  }]
}
