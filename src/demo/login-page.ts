/** The login form of the demo's authorization server: any name is an account, there are no passwords. */
export function loginPage(uid: string, client: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sign in</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 22rem; margin: 15vh auto; padding: 0 1rem }
  label { display: block }
  input, button { font: inherit; padding: .5rem; width: 100%; box-sizing: border-box; margin-top: .5rem }
</style>
<h1>Sign in</h1>
<p>${escapeHtml(client)} asks who you are. This is a demo: any name will do.</p>
<form method="post" action="/interaction/${encodeURIComponent(uid)}">
  <label>Name <input name="account" autocomplete="username" required maxlength="40" pattern="[a-z0-9]+" autofocus></label>
  <button>Continue</button>
</form>
</html>
`
}

/** Account names the form accepts. */
export const accountName = /^[a-z0-9]{1,40}$/

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

/** Asks whether the session at the authorization server ends. @param form the server's own, with its token */
export function logoutPage(form: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sign out</title>
<h1>Sign out?</h1>
${form}
<button type="submit" form="op.logoutForm" value="yes" name="logout">Sign out</button>
<button type="submit" form="op.logoutForm">Stay</button>
</html>
`
}
