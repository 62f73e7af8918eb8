// The calls of the gateway: one for each thing that the shop does. The key is in the path, so that
// a call that comes again does nothing again.

export async function calls(path, body, shop) {
  const [, , what, id, number] = path.split("/");
  switch (what) {
    case "orders":
      await shop.fulfil(id, body);
      return true;
    case "reminders":
      await shop.remind(id, Number(number), body.email);
      return true;
    case "closed":
      await shop.close(id);
      return true;
    default:
      return false;
  }
}
