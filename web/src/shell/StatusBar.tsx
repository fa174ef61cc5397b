export function StatusBar() {
  return <footer style={{ gridArea: 'status' }} />
}
