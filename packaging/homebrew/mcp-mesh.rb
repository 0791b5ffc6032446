{# The template of the formula. `cargo xtask release assemble` fills it in for a release; what it makes
   goes into the release and into the tap. `evaluate.rb` beside it tries the result without Homebrew. #}
class McpMesh < Formula
  desc "Registry and command-line tool that wire MCP agents at run time"
  homepage "{{ repository }}"
  version "{{ version }}"
  license "{{ license }}"

  livecheck do
    url :stable
    strategy :github_latest
  end

  on_macos do
    on_arm do
      url "{{ archives.macos_arm.url }}"
      sha256 "{{ archives.macos_arm.sha256 }}"
    end
    on_intel do
      url "{{ archives.macos_intel.url }}"
      sha256 "{{ archives.macos_intel.sha256 }}"
    end
  end

  on_linux do
    on_arm do
      url "{{ archives.linux_arm.url }}"
      sha256 "{{ archives.linux_arm.sha256 }}"
    end
    on_intel do
      url "{{ archives.linux_intel.url }}"
      sha256 "{{ archives.linux_intel.sha256 }}"
    end
  end

  def install
    %w[meshctl mcp-mesh-registry].each do |command|
      bin.install command
      bash_completion.install "completions/#{command}.bash" => command
      zsh_completion.install "completions/_#{command}"
      fish_completion.install "completions/#{command}.fish"
    end
    man1.install Dir["man/*.1"]
  end

  def caveats
    <<~EOS
      The service keeps the registry's database in #{var}/mcp-mesh and listens on localhost:8000.
      A registry that `meshctl start` brings up by itself keeps its own in ~/.mcp-mesh.
    EOS
  end

  service do
    run opt_bin/"mcp-mesh-registry"
    environment_variables DATABASE_URL: var/"mcp-mesh/registry.db"
    keep_alive true
    log_path var/"log/mcp-mesh-registry.log"
    error_log_path var/"log/mcp-mesh-registry.log"
  end

  test do
    %w[meshctl mcp-mesh-registry].each do |command|
      assert_match version.to_s, shell_output("#{bin}/#{command} --version")
    end

    port = free_port
    database = { "DATABASE_URL" => (testpath/"registry.db").to_s }
    registry = spawn(database, (bin/"mcp-mesh-registry").to_s, "--host", "127.0.0.1", "--port", port.to_s)
    begin
      retries = "--retry 20 --retry-delay 1 --retry-connrefused"
      health = shell_output("curl --silent --fail #{retries} http://127.0.0.1:#{port}/health")
      assert_match "healthy", health
    ensure
      Process.kill "TERM", registry
      Process.wait registry
    end
  end
end
